/** The way into a node: ssh by the forwarded port of this machine, with the lab's own key. Every image has its server; nothing else is asked of it. */
import { join } from 'node:path';
import { HOST_KEY_ALIAS } from '../../topology/vm-machines.ts';
import { limited } from '../kubernetes/time-limit.ts';
import type { CommandResult } from '../port.ts';
import type { Run } from './accelerator.ts';
import { SLOWNESS } from './vm-deps.ts';
import type { MachineRecord } from './records.ts';
import { shellWord } from '../../topology/shell-word.ts';

export interface SshUse {
  /** A terminal at both ends. */
  readonly terminal?: boolean;
}

/** The argument vector that runs a program on a node as root. No file of the user's is read or written. */
export function sshArgv(
  directory: string,
  { sshPort }: Pick<MachineRecord, 'sshPort'>,
  argv: readonly string[],
  { terminal = false }: SshUse = {},
): readonly [string, ...string[]] {
  const options = {
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    // In quotes: the option takes several files.
    UserKnownHostsFile: `"${join(directory, 'known_hosts')}"`,
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: HOST_KEY_ALIAS,
    StrictHostKeyChecking: 'yes',
    ConnectTimeout: '60',
    ServerAliveInterval: '30',
    LogLevel: 'ERROR',
  };
  return [
    'ssh',
    '-F',
    '/dev/null',
    '-p',
    String(sshPort),
    '-i',
    join(directory, 'key'),
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(terminal ? ['-tt'] : []),
    'root@127.0.0.1',
    '--',
    argv.map(shellWord).join(' '),
  ];
}

/** Runs a program on a node, which ends it when its time is up: ssh takes nothing with it. Time limits are made for machines that KVM runs. */
export async function onMachine(
  run: Run,
  directory: string,
  record: MachineRecord,
  argv: readonly string[],
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal; readonly input?: string } = {},
): Promise<CommandResult> {
  const slowness = record.accelerator === 'kvm' ? 1 : SLOWNESS;
  const { timeoutMs, ...rest } = options;
  if (timeoutMs === undefined) return await run(sshArgv(directory, record, argv), rest);
  const limitMs = timeoutMs * slowness;
  return await run(sshArgv(directory, record, limited(argv, limitMs)), { ...rest, timeoutMs: limitMs });
}
