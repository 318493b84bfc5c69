/** Reads what `iptables-save -c` and `ip6tables-save -c` print. */
import type { Family } from '../../topology/spec.ts';
import {
  type Action,
  type FilterChain,
  type FilterRule,
  type Hook,
  type MarkChange,
  type Match,
  type PortRange,
  parseNatTarget,
  parsePorts,
} from './packet-filter.ts';

const HOOKS: Readonly<Record<string, Hook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};
const PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, nat: 0, filter: 0, security: 50 };

interface Draft {
  readonly table: string;
  readonly name: string;
  policy: string;
  packets: number;
  readonly rules: FilterRule[];
}

/** Chains in the order of the text; a table that is not listed has no chains. Lines it does not know are skipped. */
export function parseIptables(text: string, family: Family, program: 'iptables' | 'iptables-legacy' = 'iptables'): readonly FilterChain[] {
  const drafts = new Map<string, Draft>();
  let table = '';
  const draft = (name: string): Draft => {
    const key = `${table} ${name}`;
    const found = drafts.get(key) ?? { table, name, policy: '-', packets: 0, rules: [] };
    drafts.set(key, found);
    return found;
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = line.slice(1).trim();
      continue;
    }
    const declared = /^:(\S+) (\S+)(?: \[(\d+):\d+\])?/.exec(line);
    if (declared !== null) {
      const chain = draft(declared[1] ?? '');
      chain.policy = declared[2] ?? '-';
      chain.packets = Number(declared[3] ?? 0);
      continue;
    }
    const rule = /^(?:\[(\d+):\d+\] )?-A (\S+) ?(.*)$/.exec(line);
    if (rule !== null) {
      const packets = rule[1] === undefined ? null : Number(rule[1]);
      draft(rule[2] ?? '').rules.push({ text: `-t ${table} -A ${rule[2]} ${rule[3]}`, packets, ...parseRule(splitWords(rule[3] ?? '')) });
    }
  }
  return [...drafts.values()].map((one): FilterChain => {
    const hook = HOOKS[one.name] ?? null;
    const nat = one.table === 'nat';
    const natPriority = hook === 'postrouting' || hook === 'input' ? 100 : -100;
    return {
      program,
      family,
      table: one.table,
      name: one.name,
      hook,
      nat,
      priority: nat ? natPriority : (PRIORITY[one.table] ?? 0),
      policy: one.policy === 'DROP' ? 'drop' : 'accept',
      policyPackets: hook === null ? null : one.packets,
      rules: one.rules,
    };
  });
}

/** Words of a rule; a quoted text is one word. */
export function splitWords(text: string): readonly string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) => (word.startsWith('"') ? word.slice(1, -1) : word));
}

function parseRule(words: readonly string[]): Pick<FilterRule, 'matches' | 'action' | 'marks'> {
  const matches: Match[] = [];
  let marks: MarkChange | null = null;
  let action: Action = { kind: 'continue' };
  let not = false;
  let module = '';
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const next = words[i + 1] ?? '';
    if (word === '!') {
      not = true;
      continue;
    }
    if (word === '-m') {
      module = next;
      i++;
      continue;
    }
    if (word === '-j' || word === '-g') {
      action = parseTarget(word === '-g' ? 'goto' : 'jump', next, words.slice(i + 2));
      marks = next === 'MARK' ? markChange(words.slice(i + 2)) : null;
      break;
    }
    const options = OPTIONS[word];
    if (options !== undefined) {
      const made = options(next, module);
      if (made !== null) matches.push({ ...made, not });
      i++;
    } else if (word === '--invert' && module === 'rpfilter') {
      matches.push({ kind: 'reverse-path-fails', not });
    } else {
      // An option of a match that is not modelled: its truth is unknown. Its argument, if any, follows without a dash.
      const takesArgument = next !== '' && !next.startsWith('-') && next !== '!';
      matches.push({ kind: 'unknown', text: takesArgument ? `${word} ${next}` : word, not });
      if (takesArgument) i++;
    }
    not = false;
  }
  return { matches, action, ...(marks === null ? {} : { marks }) };
}

function markChange([option, text = '']: readonly string[]): MarkChange | null {
  const [value = '0', mask = '0xffffffff'] = text.split('/');
  return option === '--set-xmark' ? { value: Number(value), mask: Number(mask) } : null;
}

type Bare = Match extends infer M ? (M extends { readonly not: boolean } ? Omit<M, 'not'> : never) : never;

/** Options that take one argument. null: says nothing about packets. */
const OPTIONS: Readonly<Record<string, (argument: string, module: string) => Bare | null>> = {
  '-s': (value) => ({ kind: 'source', cidrs: value.split(',') }),
  '-d': (value) => ({ kind: 'destination', cidrs: value.split(',') }),
  '-i': (value) => ({ kind: 'in', names: [value] }),
  '-o': (value) => ({ kind: 'out', names: [value] }),
  '-p': (value) => (value === 'all' ? null : { kind: 'protocol', protocols: [value === 'ipv6-icmp' || value === 'icmpv6' ? 'icmp' : value] }),
  '--dport': (value) => ({ kind: 'destination-port', ports: portList(value), protocol: null }),
  '--dports': (value) => ({ kind: 'destination-port', ports: portList(value), protocol: null }),
  '--sport': (value) => ({ kind: 'source-port', ports: portList(value), protocol: null }),
  '--sports': (value) => ({ kind: 'source-port', ports: portList(value), protocol: null }),
  '--ctstate': (value) => ({ kind: 'state', states: value.toLowerCase().split(',') }),
  '--state': (value) => ({ kind: 'state', states: value.toLowerCase().split(',') }),
  '--comment': () => null,
  '--icmp-type': (value) => ({ kind: 'icmp-type', types: [value] }),
  '--icmpv6-type': (value) => ({ kind: 'icmp-type', types: [value] }),
  '--src-type': (value) => (value === 'LOCAL' ? { kind: 'source-local' } : { kind: 'unknown', text: `--src-type ${value}` }),
  '--dst-type': (value) => (value === 'LOCAL' ? { kind: 'destination-local' } : { kind: 'unknown', text: `--dst-type ${value}` }),
  '--mode': (value) => (value === 'random' ? null : { kind: 'unknown', text: `--mode ${value}` }),
  '--probability': (value) => ({ kind: 'random', probability: Number(value) }),
  '--mark': (value, module) => (module === 'mark' ? markOf(value) : { kind: 'unknown', text: `--mark ${value}` }),
};

function portList(text: string): readonly PortRange[] {
  return text.split(',').flatMap((one) => parsePorts(one) ?? []);
}

function markOf(text: string): Bare {
  const [value = '0', mask = '0xffffffff'] = text.split('/');
  return { kind: 'mark', value: Number(value), mask: Number(mask) };
}

const VERDICTS: Readonly<Record<string, Action>> = {
  ACCEPT: { kind: 'accept' },
  DROP: { kind: 'drop' },
  REJECT: { kind: 'reject' },
  RETURN: { kind: 'return' },
  MASQUERADE: { kind: 'masquerade' },
  NFQUEUE: { kind: 'queue' },
  LOG: { kind: 'continue' },
  NFLOG: { kind: 'continue' },
  MARK: { kind: 'continue' },
  CONNMARK: { kind: 'continue' },
  TRACE: { kind: 'continue' },
  TCPMSS: { kind: 'continue' },
  CT: { kind: 'continue' },
};

function parseTarget(how: 'jump' | 'goto', name: string, rest: readonly string[]): Action {
  const option = (flag: string): string => {
    const at = rest.indexOf(flag);
    return at < 0 ? '' : (rest[at + 1] ?? '');
  };
  if (name === 'SNAT') return { kind: 'snat', ...parseNatTarget(option('--to-source')) };
  if (name === 'DNAT') return { kind: 'dnat', ...parseNatTarget(option('--to-destination')) };
  if (name === 'REDIRECT') return { kind: 'redirect', ports: parsePorts(option('--to-ports')) };
  if (name === 'TPROXY') return { kind: 'tproxy', ports: parsePorts(option('--on-port')) };
  return VERDICTS[name] ?? { kind: how, chain: name };
}
