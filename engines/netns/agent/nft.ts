/** Tables of nftables: put in the place of what was there by one transaction, and taken out again. */
import type { Op } from '../ops.ts';
import { LAB_FOLDER, readLabFile, removeLabFile, writeLabFile } from './files.ts';
import { updateTable } from './nft-text.ts';
import { commandFailed, findProgram, type ProcessResult, programMissing, runProcess } from './processes.ts';

type NftOp = Extract<Op, { readonly op: 'nft' }>;

/** What was applied last, so that the next text writes only what differs. Kept of texts of one command a line. */
const recordPath = ({ ns, family, table }: NftOp): string => `${LAB_FOLDER}/nft/${ns}.${family}.${table}`;

/** @throws CommandError with the line that nft refuses */
export async function applyTable(op: NftOp): Promise<void> {
  const before = readLabFile(recordPath(op));
  const update = before === null ? null : updateTable(before, op.text);
  // Refused when somebody changed the table by hand, or where the kernel (before 6.2) holds on to chains that no element points to any more.
  const updated = update !== null && (update === '' || (await run(op, update)).exitCode === 0);
  if (!updated) await transact(op, `${removal(op)}${op.text}`);
  if (op.text.startsWith('add table ')) writeLabFile(recordPath(op), op.text);
}

/** Takes the table out; one that is gone is fine. */
export async function removeTable(op: NftOp): Promise<void> {
  removeLabFile(recordPath(op));
  await transact(op, removal(op));
}

/** Deleting what is not there would fail the transaction: it is made first. */
function removal({ family, table }: NftOp): string {
  return `table ${family} ${table}\ndelete table ${family} ${table}\n`;
}

async function transact(op: NftOp, text: string): Promise<void> {
  const result = await run(op, text);
  if (result.exitCode !== 0) throw commandFailed(op.ns, commandOf(), result, text);
}

async function run(op: NftOp, text: string): Promise<ProcessResult> {
  return await runProcess(op.ns, commandOf(), { input: text });
}

function commandOf(): readonly string[] {
  const program = findProgram(['nft']);
  if (program === null) throw programMissing(['nft'], 'apt-get install nftables (or dnf install nftables)');
  return [program, '-f', '-'];
}
