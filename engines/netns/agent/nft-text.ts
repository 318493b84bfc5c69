/** Texts for `nft -f` of one command a line (`add rule ip t c …`): the transaction that makes another of one, touching only what differs. Pure. */

interface TableText {
  /** `ip kube-proxy`. */
  readonly table: string;
  /** What is declared: `chain services` → its declaration. */
  readonly declared: Map<string, string>;
  /** Rules by chain, in order. */
  readonly rules: Map<string, string[]>;
  /** `service-ips 10.96.0.1 . tcp . 443` → the element. */
  readonly elements: Map<string, { readonly name: string; readonly key: string; readonly line: string }>;
}

const COMMAND = /^add (table|chain|set|map|rule|element) (\S+ \S+)(?: (\S+)(?: (.*))?)?$/;

/** Null: not such a text. */
function read(text: string): TableText | null {
  const found: TableText = { table: /^add table (\S+ \S+)/.exec(text)?.[1] ?? '', declared: new Map(), rules: new Map(), elements: new Map() };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, table, name = '', rest = ''] = COMMAND.exec(line) ?? [];
    if (kind === undefined || table !== found.table) return null;
    if (kind === 'rule') {
      const rules = found.rules.get(name);
      if (rules === undefined) found.rules.set(name, [line]);
      else rules.push(line);
    } else if (kind === 'element') {
      const key = rest.slice(2, -2).split(/ comment | : /)[0] ?? '';
      found.elements.set(`${name} ${key}`, { name, key, line });
    } else found.declared.set(`${kind} ${name}`, line);
  }
  return found;
}

/**
 * Commands for one `nft -f` that turn the table of `before` into that of `after`; '' when they are the same. Chains whose rules differ are filled anew, the
 * others are not touched, and sets keep what they learned. Null where that cannot be done: the table must be replaced as a whole.
 */
export function updateTable(before: string, after: string): string | null {
  const old = read(before);
  const wanted = read(after);
  if (old === null || wanted === null || old.table !== wanted.table) return null;
  const at = old.table;
  // Neither the hook of a chain nor the type of a set can be altered in place.
  for (const [name, line] of wanted.declared) if ((old.declared.get(name) ?? line) !== line) return null;
  const chainsOf = (text: TableText): string[] => [...text.declared.keys()].flatMap((name) => (name.startsWith('chain ') ? [name.slice(6)] : []));
  const rulesOf = (text: TableText, chain: string): string => (text.rules.get(chain) ?? []).join('\n');
  const gone = [...old.declared.keys()].filter((name) => !wanted.declared.has(name));
  const refilled = chainsOf(wanted).filter((chain) => rulesOf(old, chain) !== rulesOf(wanted, chain));
  const dropped = [...old.elements].filter(([id, { line }]) => wanted.elements.get(id)?.line !== line);
  const taken = [...wanted.elements].filter(([id, { line }]) => old.elements.get(id)?.line !== line);
  const goneChains = gone.filter((name) => name.startsWith('chain '));
  const lines = [
    ...[...wanted.declared].filter(([name]) => !old.declared.has(name)).map(([, line]) => line),
    ...dropped.map(([, { name, key }]) => `delete element ${at} ${name} { ${key} }`),
    ...[...refilled, ...goneChains.map((name) => name.slice(6))].map((chain) => `flush chain ${at} ${chain}`),
    ...gone.filter((name) => !name.startsWith('chain ')).map((name) => withTable('delete', name, at)),
    ...refilled.flatMap((chain) => wanted.rules.get(chain) ?? []),
    ...taken.map(([, { line }]) => line),
    // Last: until then something may point to them.
    ...goneChains.map((name) => withTable('delete', name, at)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** `delete chain ip kube-proxy services`. */
function withTable(verb: string, named: string, table: string): string {
  const space = named.indexOf(' ');
  return `${verb} ${named.slice(0, space)} ${table}${named.slice(space)}`;
}
