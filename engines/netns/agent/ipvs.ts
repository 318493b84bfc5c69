/** Virtual servers of IPVS and the ipsets that iptables rules look them up in, by ipvsadm and ipset. */
import type { Op } from '../ops.ts';
import { LAB_FOLDER, readLabFile, removeLabFile, writeLabFile } from './files.ts';
import { type IpvsTexts, updateIpvs } from './ipvs-text.ts';
import { commandFailed, findProgram, programMissing, runProcess } from './processes.ts';
import { writeSysctls } from './sysctls.ts';

type IpvsOp = Extract<Op, { readonly op: 'ipvs' }>;

const NONE: IpvsTexts = { sets: [], servers: [] };

/** What was applied last, so that the next one touches only what differs. */
const recordPath = ({ ns }: IpvsOp): string => `${LAB_FOLDER}/ipvs/${ns}`;

/** @throws CommandError with what ipset or ipvsadm says; EnvironmentError when one is not installed */
export async function applyIpvs(op: IpvsOp): Promise<void> {
  const { ns, sets, servers, sysctls } = op;
  const path = recordPath(op);
  const before = readLabFile(path);
  const update = updateIpvs(before === null ? NONE : (JSON.parse(before) as IpvsTexts), { sets, servers });
  // Whoever asks first has the kernel load the module; its settings are there only then.
  if (before === null) await run(ns, 'ipvsadm', ['--list']);
  writeSysctls(ns, sysctls);
  await run(ns, 'ipset', ['restore'], update.sets);
  for (const command of update.commands) await run(ns, 'ipvsadm', command);
  if (update.servers !== '') await run(ns, 'ipvsadm', ['--restore'], update.servers);
  writeLabFile(path, JSON.stringify({ sets, servers }));
}

/** Takes the virtual servers out and empties the sets; those that rules still look into stay, empty. */
export async function removeIpvs(op: IpvsOp): Promise<void> {
  removeLabFile(recordPath(op));
  await run(op.ns, 'ipvsadm', ['--clear']);
  const names = op.sets.flatMap((line) => (line.startsWith('create ') ? [line.split(' ')[1] ?? ''] : []));
  await run(op.ns, 'ipset', ['restore'], names.map((name) => `flush ${name}\n`).join(''));
  for (const name of names) await runProcess(op.ns, [programOf('ipset'), 'destroy', name]);
}

async function run(ns: string, name: string, args: readonly string[], input = ''): Promise<void> {
  const argv = [programOf(name), ...args];
  const result = await runProcess(ns, argv, { input });
  if (result.exitCode !== 0) throw commandFailed(ns, argv, result, input);
}

function programOf(name: string): string {
  const program = findProgram([name]);
  if (program === null) throw programMissing([name], 'apt-get install ipvsadm ipset (or dnf install ipvsadm ipset)');
  return program;
}
