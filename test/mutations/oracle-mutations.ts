/** Ways to make the oracle blind, each as an edit of its source; the unit test files that must notice are named, and run in this order. */
import type { Change } from './run-cases.ts';

export interface Mutation extends Change {
  /** What a verifier with it would let pass, or would accuse. */
  readonly title: string;
  readonly tests: readonly UnitTest[];
}

export const UNIT_TESTS = ['oracle', 'verify-lab', 'services-judge', 'dns-suite', 'policy-matrix'] as const;
export type UnitTest = (typeof UNIT_TESTS)[number];

const mutate =
  (file: string, ...tests: readonly UnitTest[]) =>
  (title: string, text: string, by: string): Mutation => ({ file: `verify/${file}`, title, text, by, tests });

const oracle = mutate('oracle.ts', 'oracle');
const account = mutate('account-batch.ts', 'verify-lab');
const hiddenNat = mutate('hidden-nat.ts', 'verify-lab');
const mesh = mutate('mesh.ts', 'verify-lab');
const table = mutate('pair-table.ts', 'verify-lab');
const matrix = mutate('matrix.ts', 'verify-lab');
const controls = mutate('checks/controls.ts', 'verify-lab');
const loss = mutate('checks/loss.ts', 'verify-lab');
const selfView = mutate('checks/r3-self-view.ts', 'verify-lab');
const conclude = mutate('checks/check.ts', 'verify-lab');
const report = mutate('report-builder.ts', 'verify-lab');
const services = mutate('services/judge.ts', 'services-judge');
const dns = mutate('dns/expect.ts', 'dns-suite');
const policy = mutate('checks/policy-matrix.ts', 'policy-matrix');

export const mutations: readonly Mutation[] = [
  oracle('drops the source port', ' || record.seenSourcePort !== record.localPort', ''),
  oracle('drops the source address', 'record.seenSourceAddress !== record.localAddress || ', ''),
  oracle('swaps source and destination', 'record.seenSourceAddress !== record.localAddress ||', 'record.seenSourceAddress !== record.dialledAddress ||'),
  oracle('drops the destination', 'record.seenDestinationAddress !== record.dialledAddress || (context.protocol', '(context.protocol'),
  oracle('drops the destination port', "context.protocol !== 'icmp' && record.seenDestinationPort", 'false && record.seenDestinationPort'),
  oracle('believes a reply from anywhere', "record.replyFromAddress !== '' && record.replyFromAddress !== record.dialledAddress", 'false'),
  oracle('takes any server for the right one', 'if (record.answeredBy !== record.server) {', 'if (record.answeredBy < 0) {'),
  oracle('ignores the nonce on its way back', '!record.nonceThere || !record.nonceBack', '!record.nonceThere'),
  oracle('ignores the nonce on its way there', '!record.nonceThere || !record.nonceBack', '!record.nonceBack'),
  oracle('accepts what did not run as a pass', "return { verdict: 'inconclusive', reason: notRun(record) };", 'return PASS;'),
  oracle('accepts silence', "if (record.outcome !== 'ok') {", "if (record.outcome !== 'ok' && record.outcome !== 'silent') {"),
  oracle('trusts any address of the client', '!context.ownsSource(record.localAddress)', 'false'),
  oracle('takes any source for a declared proxy', 'context.isOwnProxy?.(record.server, record.seenSourceAddress) === true', 'context.isOwnProxy !== undefined'),
  oracle('takes UDP for what a declared proxy does', "context.protocol === 'tcp' && context.isOwnProxy", 'context.isOwnProxy'),
  oracle('rows: drops the source port', '    batch.seenSourcePort[row] === batch.localPort[row] &&\n', ''),
  oracle('rows: drops the source address', '    batch.seenSourceAddress[row] === batch.localAddress[row] &&\n', ''),
  oracle('rows: ignores UDP ports', '(icmp || batch.seenDestinationPort', '(true || batch.seenDestinationPort'),
  oracle('rows: half a nonce is enough', 'batch.nonce[row] === 3', '(batch.nonce[row] ?? 0) > 0'),
  oracle('rows: any server', '    batch.answeredBy[row] === batch.server[row] &&\n', ''),
  oracle('rows: a reply from anywhere', 'batch.replyFromAddress[row] === batch.dialledAddress[row])', 'true)'),
  oracle('conntrack: drops the source', 'if (reply.destination !== original.source)', 'if (false)'),
  oracle('conntrack: drops the ports', "const ports = entry.protocol !== 'icmp';", 'const ports = false;'),
  account('skips the owner of the source', 'if (!(owned && rowAgrees(batch, row, icmp))', 'if (!rowAgrees(batch, row, icmp)'),
  account('does not count inconclusive pairs', 'table.inconclusive[pair] = (table.inconclusive[pair] ?? 0) | bit;', ''),
  account('does not keep failing pairs', 'table.failed[pair] = (table.failed[pair] ?? 0) | bit;', ''),
  account('never sees a retransmission', 'rtt > LATE_US', 'false'),
  hiddenNat('looks at TCP alone', 'entry.protocol !== protocol ||', "entry.protocol !== 'tcp' ||"),
  hiddenNat('takes flows of earlier runs', 'if (attempt < 0) continue;', ''),
  hiddenNat('mistakes the server for the client', 'cluster.byAddress.get(entry.original.source);', 'cluster.byAddress.get(entry.original.destination);'),
  mesh('sees what both sockets agree on as right', 'table.failed[pair] = (table.failed[pair] ?? 0) | bit;\n    table.failing', 'table.failing'),
  mesh('judges a pod whose responder is broken', 'table.failed[pair] = (table.failed[pair] ?? 0) & ~bit;', ''),
  table('passes a pair of which records are missing', ' || (table.seen[pair] ?? 0) < expected', ''),
  table('lets an inconclusive pair pass', "return 'inconclusive';\n  return 'pass';", "return 'pass';\n  return 'pass';"),
  table('calls a dead path alive', '((table.answered[pair] ?? 0) & bit) === 0', 'false'),
  matrix(
    'swaps rows and columns',
    'const client = Math.floor(pair / width);\n      const server = pair % width;',
    'const server = Math.floor(pair / width);\n      const client = pair % width;',
  ),
  matrix('shows unknown cells as passed', "cell.inconclusive > 0 ? 'inconclusive' : ", ''),
  matrix('shows failing cells as unknown', "cell.failed > 0 ? 'fail' : ", ''),
  controls('accepts an answer from a closed port', "if (outcome === 'ok' || outcome === 'stalled') {", "if (outcome === 'stalled') {"),
  controls('accepts silence from a closed port', "} else if (outcome !== 'refused') {", "} else if (outcome === 'not-run') {"),
  controls('does not ask the open port', "} else if (openOutcome !== 'ok') {", '} else if (false) {'),
  controls('lets nobody answer', 'if (NOBODY.has(outcome) ||', "if (outcome === 'ok' || NOBODY.has(outcome) ||"),
  loss('takes a lossy pair for a good one', 'if (lossy !== 0) {', 'if (lossy < 0) {'),
  loss('takes a dead pair for a lossless one', 'else if (table.answered[pair] === 0) {', 'else if (false) {'),
  selfView('ignores what peers saw', 'if (foreign.length > 0)', 'if (false)'),
  conclude('calls an inconclusive check passed', "? 'inconclusive'\n", "? 'pass'\n"),
  conclude('calls nothing a pass', "? 'skip'\n            : 'pass'", "? 'pass'\n            : 'pass'"),
  report(
    'lets a pass outrank a failure',
    "if (verdicts.includes('fail')) return 'fail';",
    "if (verdicts.includes('fail') && !verdicts.includes('pass')) return 'fail';",
  ),
  report('trusts a probe that sees no failure', "verdict === 'pass' && controls?.verdict === 'inconclusive'", 'false'),
  services('accepts any server', 'const wrong = [...answers.keys()].filter((listener) => !allowed.has(listener));', 'const wrong: number[] = [];'),
  services('accepts an answer where a refusal is due', 'if (wrong === undefined) return [];', "if (wrong === undefined || wrong[0] === 'ok') return [];"),
  services('takes silence for a refusal', "const right: Outcome = expectation.fate === 'refused' ? 'refused' : 'silent';", "const right: Outcome = 'silent';"),
  services('accepts missing answers', "if (records < planned) return 'answers are missing';", ''),
  services('accepts any source', 'return [...foreignSources].map(', 'return [...foreignSources].slice(1).map('),
  services('forgets affinity', 'if (answers.size < 2 || (affinitySeconds === null && hashing === null)) return [];', 'if (hashing === null) return [];'),
  services('forgets schedulers that hash', "return mode === 'ipvs' && (scheduler === 'sh'", "return mode !== 'ipvs' && (scheduler === 'sh'"),
  services('accepts answers to other probes', '  if (count === 0) return [];', '  return [];'),
  services('accepts any share', 'if (!unfair && !isAbove(lost, trials, mayFail / trials)) continue;', 'continue;'),
  dns('accepts a missing record', 'const missing = cut ? [] :', 'const missing = true ? [] :'),
  dns('accepts a surplus record', 'const surplus = leads ? [] :', 'const surplus = true ? [] :'),
  dns('accepts another code', '(got.rcode === answer.rcode || leads)', 'true'),
  dns('accepts a cut answer by TCP', "got.truncated && question.protocol === 'udp'", 'got.truncated'),
  policy(
    'accepts an answer that policies block',
    "blocked ? outcome !== 'silent' && outcome !== 'refused' : outcome !== 'ok'",
    "blocked ? false : outcome !== 'ok'",
  ),
  policy('accepts silence where policies allow', "outcome !== 'refused' : outcome !== 'ok'", "outcome !== 'refused' : outcome === 'refused'"),
  policy('accepts somebody else', 'record.answeredBy !== record.server || !record.nonceThere', '!record.nonceThere'),
  policy('accepts missing answers', "outcomes.length < (blocked ? 1 : ATTEMPTS) || outcomes.includes('not-run')", 'false'),
];
