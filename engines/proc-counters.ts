/** Counters of the kernel as procfs prints them: pure. */

/** /proc/net/snmp and netstat: a line of names, a line of numbers, each with the protocol before it. IpExtInNoRoutes → n. */
export function pairedCounters(text: string): Record<string, number> {
  const counters: Record<string, number> = {};
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [prefix = '', ...names] = (lines[i] ?? '').split(' ');
    const values = (lines[i + 1] ?? '').split(' ').slice(1);
    names.forEach((name, at) => {
      counters[`${prefix.replace(':', '')}${name}`] = Number(values[at]);
    });
  }
  return counters;
}

/** /proc/net/snmp6: a name and a number in each line. */
export function listedCounters(text: string): Record<string, number> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [name = '', value = '0'] = line.split(/\s+/);
        return [name, Number(value)];
      }),
  );
}

/**
 * Of connection tracking: how many entries the namespace holds, how many it may, and how many packets it dropped for want of room, over all processors.
 * Nothing where it is not loaded.
 *
 * @param stat text of /proc/net/stat/nf_conntrack
 */
export function trackingCounters(held: string | undefined, most: string | undefined, stat: string): Record<string, number> {
  const [header = '', ...processors] = stat.trim().split('\n');
  const column = header.trim().split(/\s+/).indexOf('drop');
  return {
    ...(held === undefined || most === undefined ? {} : { ConntrackEntries: Number(held), ConntrackMax: Number(most) }),
    ...(column < 0 ? {} : { ConntrackDrops: processors.reduce((sum, line) => sum + Number.parseInt(line.trim().split(/\s+/)[column] ?? '0', 16), 0) }),
  };
}
