/** Packet filter rules: `iptables-restore --noflush` of a text, replaced as a whole and removed again. */
import type { Op } from '../ops.ts';
import { LAB_FOLDER, readLabFile, removeLabFile, writeLabFile } from './files.ts';
import { commandFailed, findProgram, type ProcessResult, programMissing, runProcess } from './processes.ts';
import { ownChainsOnly, replaceRules, singleDeletions } from './rules-text.ts';

type RulesOp = Extract<Op, { readonly op: 'rules' }>;

const PROGRAMS = {
  ipv4: ['iptables-nft-restore', 'iptables-restore'],
  ipv6: ['ip6tables-nft-restore', 'ip6tables-restore'],
} as const;

/** What was applied last, so that the next text replaces it. */
const recordPath = (op: RulesOp): string => `${LAB_FOLDER}/rules/${op.ns}.${op.family}`;

/** Puts the text in the place of the one applied before, if any. @throws CommandError with the line that iptables-restore refuses */
export async function applyRules(op: RulesOp): Promise<void> {
  const before = readLabFile(recordPath(op)) ?? '';
  await replace(op, before, op.text);
  writeLabFile(recordPath(op), op.text);
}

/** Takes the rules and the chains out. */
export async function removeRules(op: RulesOp): Promise<void> {
  await replace(op, readLabFile(recordPath(op)) ?? op.text, '');
  removeLabFile(recordPath(op));
}

async function replace(op: RulesOp, before: string, after: string): Promise<void> {
  const text = before === '' ? after : replaceRules(before, after);
  if (text === '') return;
  const first = await restore(op, text);
  if (first.exitCode === 0) return;
  const deletions = singleDeletions(before);
  if (deletions.length === 0) throw commandFailed(op.ns, commandOf(op), first, text);
  // Some of the old rules may have been removed by hand, which makes the whole transaction fail: take them out one by one, then the rest.
  for (const deletion of deletions) await restore(op, deletion);
  const rest = replaceRules(ownChainsOnly(before), after);
  const second = await restore(op, rest);
  if (second.exitCode !== 0) throw commandFailed(op.ns, commandOf(op), second, rest);
}

async function restore(op: RulesOp, text: string): Promise<ProcessResult> {
  // The legacy backend takes a lock; one per namespace lets namespaces be filled side by side.
  return await runProcess(op.ns, commandOf(op), { input: text, env: { XTABLES_LOCKFILE: `/run/cnilab/xtables.${op.ns}.lock` } });
}

function commandOf(op: RulesOp): readonly string[] {
  const program = findProgram(PROGRAMS[op.family]);
  if (program === null) throw programMissing(PROGRAMS[op.family], 'apt-get install iptables (or dnf install iptables-nft)');
  return [program, '--noflush', '--wait'];
}
