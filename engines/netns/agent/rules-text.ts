/** Texts for iptables-restore: what a text declares and adds, and the text that puts another in its place. Pure. */

/** What a text does to one table. */
interface TableText {
  /** Declared chains: name → the whole declaration. Built-in chains carry a policy instead of `-`. */
  readonly chains: Map<string, string>;
  readonly lines: string[];
}

/** Reads `*table`, `:CHAIN policy [n:n]`, rules, COMMIT. */
function readTables(text: string): Map<string, TableText> {
  const tables = new Map<string, TableText>();
  let table: TableText | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/^\[\d+:\d+\]\s*/, '');
    if (line === '' || line.startsWith('#') || line === 'COMMIT') continue;
    if (line.startsWith('*')) {
      table = tables.get(line.slice(1)) ?? { chains: new Map(), lines: [] };
      tables.set(line.slice(1), table);
    } else if (line.startsWith(':')) {
      table?.chains.set(line.slice(1).split(/\s/)[0] ?? '', line);
    } else {
      table?.lines.push(line);
    }
  }
  return tables;
}

const isOwn = (declaration: string): boolean => /^:\S+\s+-(\s|$)/.test(declaration);

/** `-D` of every rule that the text puts into a chain that it does not own. */
function deletions(table: TableText): string[] {
  return table.lines.flatMap((line) => {
    const [, chain, rule] = /^(?:-A|--append|-I|--insert)\s+(\S+)\s+(?:\d+\s+)?(.*)$/.exec(line) ?? [];
    if (chain === undefined || rule === undefined || isOwn(table.chains.get(chain) ?? '')) return [];
    return [`-D ${chain} ${rule}`];
  });
}

/**
 * The text that takes the rules of `before` out and puts those of `after` in, one transaction per table; either may be ''.
 * With `--noflush`, declaring an own chain that exists empties it.
 */
export function replaceRules(before: string, after: string): string {
  const old = readTables(before);
  const wanted = readTables(after);
  const out: string[] = [];
  for (const name of new Set([...old.keys(), ...wanted.keys()])) {
    const from = old.get(name) ?? { chains: new Map<string, string>(), lines: [] };
    const to = wanted.get(name) ?? { chains: new Map<string, string>(), lines: [] };
    const dropped = [...from.chains].filter(([chain]) => !to.chains.has(chain));
    const own = dropped.filter(([, declaration]) => isOwn(declaration)).map(([chain]) => chain);
    const restored = dropped.filter(([, declaration]) => !isOwn(declaration)).map(([chain]) => `:${chain} ACCEPT [0:0]`);
    // Declared once more before they are deleted: it empties them, and makes the deletion work when they are gone already.
    out.push(
      `*${name}`,
      ...restored,
      ...own.map((chain) => `:${chain} - [0:0]`),
      ...to.chains.values(),
      ...deletions(from),
      ...to.lines,
      ...own.map((chain) => `-X ${chain}`),
      'COMMIT',
    );
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** One text per rule to be deleted, for the case that some of them were removed by hand and the whole replacement is refused. */
export function singleDeletions(text: string): string[] {
  return [...readTables(text)].flatMap(([name, table]) => deletions(table).map((line) => `*${name}\n${line}\nCOMMIT\n`));
}

/** `text` without the rules in chains that are not its own: what is left of it once those are deleted. */
export function ownChainsOnly(text: string): string {
  return [...readTables(text)].map(([name, table]) => `*${name}\n${[...table.chains.values()].join('\n')}\nCOMMIT\n`).join('');
}
