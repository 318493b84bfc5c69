/**
 * Random NetworkPolicies on random pods: what the evaluator says of every connection against what the compiled tables do to its packets in the real kernel.
 *
 *   node --import tsx scripts/policy-worlds.ts [WORLDS] [SEED] [--json]
 *
 * Needs namespaces (root, or unprivileged user namespaces) and nft. Exit 1 when they disagree, with the smallest world that shows it.
 */
import { spawnSync } from 'node:child_process';
import { runWorlds } from '../test/policy-worlds/run.ts';

const INSIDE = 'CNILAB_POLICY_WORLDS';
const [countText = '500', seedText = `${Date.now() % 1_000_000_000}`] = process.argv.slice(2).filter((a) => !a.startsWith('-'));
const count = Number(countText);
const seed = Number(seedText);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) throw new Error('usage: policy-worlds.ts [WORLDS] [SEED] [--json]');

if (process.env[INSIDE] === undefined) {
  const user = process.getuid?.() === 0 ? [] : ['-Ur'];
  // One processor: packets then arrive in the order in which they are sent.
  const argv = [
    'unshare',
    ...user,
    '-nm',
    '--',
    'sh',
    '-c',
    'mount -t tmpfs tmpfs /run && exec taskset -c "$0" "$@"',
    firstProcessor(),
    process.execPath,
    '--import',
    'tsx',
    ...process.argv.slice(1),
  ];
  const { status } = spawnSync(argv[0] ?? '', argv.slice(1), { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  process.exit(status ?? 1);
}

const json = process.argv.includes('--json');
const result = await runWorlds(count, seed, (done) => {
  if (!json && (done % 500 === 0 || done === count)) process.stderr.write(`${done} of ${count} worlds\n`);
});
if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const each = (result.ms / result.worlds).toFixed(1);
  process.stdout.write(
    `${result.worlds} worlds, seed ${seed}: ${result.flows} connections, ${result.allowed} allowed, ${result.replies} replies, ${result.disagreements.length} disagreements, ${(result.ms / 1000).toFixed(1)} s (${each} ms each)\n${result.counterexample === '' ? '' : `${result.counterexample}\n`}`,
  );
}
process.exit(result.disagreements.length === 0 ? 0 : 1);

/** Of those this process may use. */
function firstProcessor(): string {
  const { stdout } = spawnSync('taskset', ['-pc', `${process.pid}`], { encoding: 'utf8' });
  return /:\s*(\d+)/.exec(stdout)?.[1] ?? '0';
}
