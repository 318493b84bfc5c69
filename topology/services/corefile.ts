/** A Corefile as text (https://coredns.io/manual/configuration/). Pure. */

/** A plugin of a server block: its line, and the lines of a block of its own; without such lines it has no block. */
export type CorefilePlugin = string | readonly [line: string, ...block: readonly string[]];

/** Blanks as in the Corefile that kubeadm writes, so that texts can be compared by bytes. */
const PLUGIN = ' '.repeat(4);
const WITHIN_PLUGIN = ' '.repeat(7);

/**
 * One server block, with a line end behind it.
 *
 * @param zones what it answers for, with a port where that is not 53: `.` or `.:53` for every name
 * @param plugins in the order in which they are written; CoreDNS asks them in one of its own (plugin.cfg)
 */
export function serverBlock(zones: readonly string[], plugins: readonly CorefilePlugin[]): string {
  return [`${zones.join(' ')} {`, ...plugins.flatMap(pluginLines), '}', ''].join('\n');
}

function pluginLines(plugin: CorefilePlugin): readonly string[] {
  const [line, ...block]: readonly [string, ...string[]] = typeof plugin === 'string' ? [plugin] : plugin;
  return block.length === 0 ? [`${PLUGIN}${line}`] : [`${PLUGIN}${line} {`, ...block.map((one) => `${WITHIN_PLUGIN}${one}`), `${PLUGIN}}`];
}
