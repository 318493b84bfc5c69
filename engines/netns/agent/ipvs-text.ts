/** What makes one set of virtual servers and ipsets of another, without touching what stays: connections through it go on. Pure. */

export interface IpvsTexts {
  /** Lines for `ipset restore`: `create NAME …`, `add NAME MEMBER`. */
  readonly sets: readonly string[];
  /** Lines for `ipvsadm --restore`: `-A -t ADDRESS …`, `-a -t ADDRESS -r SERVER …`. */
  readonly servers: readonly string[];
}

export interface IpvsUpdate {
  /** For one `ipset restore`. */
  readonly sets: string;
  /** Arguments of an `ipvsadm` each: edits and removals, which `--restore` does not take. */
  readonly commands: readonly (readonly string[])[];
  /** For one `ipvsadm --restore`; '' when nothing is added. */
  readonly servers: string;
}

export function updateIpvs(before: IpvsTexts, after: IpvsTexts): IpvsUpdate {
  const creates = after.sets.filter((line) => line.startsWith('create '));
  const names = new Set(creates.map((line) => line.split(' ')[1]));
  const had = new Set(before.sets);
  const wanted = new Set(after.sets);
  const sets = [
    ...creates.map((line) => `${line} -exist`),
    ...before.sets.flatMap((line) => {
      const [verb, name, member] = line.split(' ');
      return verb === 'add' && names.has(name) && !wanted.has(line) ? [`del ${name} ${member} -exist`] : [];
    }),
    ...after.sets.filter((line) => line.startsWith('add ') && !had.has(line)).map((line) => `${line} -exist`),
  ];
  const old = new Map(before.servers.map((line) => [keyOf(line), line]));
  const now = new Map(after.servers.map((line) => [keyOf(line), line]));
  const gone = [...old.keys()].filter((key) => !now.has(key));
  const isGone = new Set(gone);
  return {
    sets: sets.map((line) => `${line}\n`).join(''),
    commands: [
      ...[...now].flatMap(([key, line]) => (old.has(key) && old.get(key) !== line ? [edited(line)] : [])),
      // A virtual server takes its real servers along.
      ...gone.filter((key) => key.startsWith('-A') || !isGone.has(serverOf(key))).map((key) => removed(key)),
    ],
    servers: [...now].flatMap(([key, line]) => (old.has(key) ? [] : [`${line}\n`])).join(''),
  };
}

/** `-A -t 10.96.0.1:443`, `-a -t 10.96.0.1:443 -r 10.244.1.5:8080`. */
function keyOf(line: string): string {
  const words = line.split(' ');
  return words.slice(0, words[0] === '-A' ? 3 : 5).join(' ');
}

function serverOf(key: string): string {
  return `-A ${key.split(' ').slice(1, 3).join(' ')}`;
}

function edited(line: string): string[] {
  return [line.startsWith('-A') ? '-E' : '-e', ...line.split(' ').slice(1)];
}

function removed(key: string): string[] {
  return [key.startsWith('-A') ? '-D' : '-d', ...key.split(' ').slice(1)];
}
