/** What only a machine of its own can show: a node that is off, that comes back, whose cable is pulled. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { throwIfInterrupted } from '../interruption.ts';
import { isReady, type NodeObject } from '../kubernetes/api-objects.ts';
import { kubectlFor, type Kubectl } from '../kubernetes/kubectl.ts';
import type { NodeAction, NodeControlContext } from '../port.ts';
import { step } from '../step.ts';
import { accessTo, type VmHandle } from './handle.ts';
import { SHUTDOWN_MS, SOCKET, startOnFreePorts, stopMachine } from './machine.ts';
import { qmp } from './qmp.ts';
import { readRecords, updateRecord, type MachineRecord } from './records.ts';
import { onMachine } from './ssh.ts';
import type { VmDeps } from './vm-deps.ts';

/**
 * Does something to one machine of a running lab, and keeps it in its records. `start`, `reboot` and `mend` wait until the node is ready again; the others until it is done.
 *
 * @throws LabError USAGE for what the machine is already; EngineError when it does not follow; LabError INTERRUPTED
 */
export async function controlMachine(
  deps: VmDeps,
  handle: VmHandle,
  plan: LabPlan,
  id: string,
  action: NodeAction,
  context: NodeControlContext,
): Promise<string> {
  const record = (await readRecords(handle.directory)).find((one) => `${one.cluster}/${one.node}` === id);
  if (record === undefined)
    throw new LabError({ code: 'TARGET_UNKNOWN', message: `lab ${plan.name} has no machine ${id}`, hint: '`cnilab inspect LAB` lists its nodes' });
  // Not what is wanted of it: an interrupted stop leaves a machine that runs.
  const running = deps.isAlive(record);
  if (running === (action === 'start')) {
    throw new LabError({
      code: 'USAGE',
      message: `node ${id} ${running ? 'runs already' : 'does not run'}`,
      hint: running ? `\`cnilab node stop ${plan.name} ${record.node}\` stops it` : `\`cnilab node start ${plan.name} ${record.node}\` starts it`,
    });
  }
  if (action === 'reboot' && record.cut) {
    throw new LabError({
      code: 'USAGE',
      message: `node ${id} has its cable pulled: it would boot, and never be ready`,
      hint: `\`cnilab node mend ${plan.name} ${record.node}\` puts it in again`,
    });
  }
  return await step(context.onEvent, `node ${action}`, id, (progress) => actions[action]({ deps, handle, plan, record, context, progress }));
}

interface Controlled {
  readonly deps: VmDeps;
  readonly handle: VmHandle;
  readonly plan: LabPlan;
  readonly record: MachineRecord;
  readonly context: NodeControlContext;
  readonly progress: (text: string) => void;
}

const link = async ({ handle, record }: Controlled, up: boolean): Promise<void> => {
  await qmp(join(handle.directory, record.folder, SOCKET), 'set_link', { name: 'lab0', up });
  await updateRecord(handle.directory, { ...record, cut: !up });
};

const actions: Readonly<Record<NodeAction, (controlled: Controlled) => Promise<string>>> = {
  stop: async ({ deps, handle, record }) => {
    // Written first: a machine that ends by itself meanwhile is no lost lab.
    await updateRecord(handle.directory, { ...record, wanted: 'stopped' });
    const how = await stopMachine(deps, handle.directory, record, SHUTDOWN_MS * handle.slowness).catch(async (error: unknown) => {
      // It is entered, probed and missed as before.
      if (deps.isAlive(record)) await updateRecord(handle.directory, { ...record, wanted: 'running' });
      throw error;
    });
    await updateRecord(handle.directory, { ...record, wanted: 'stopped', pid: 0, startTime: 0, cut: false });
    return how;
  },
  start: async (controlled) => {
    const { deps, handle, plan, record, context } = controlled;
    // The port of the API is in kubeconfigs that people have.
    const started = await startOnFreePorts(deps, plan, handle.directory, record, context.signal, ['sshPort']);
    await readyAgain({ ...controlled, record: started }, '');
    return 'ready';
  },
  reboot: async (controlled) => {
    const { deps, handle, record, context } = controlled;
    const before = await bootOf(controlled);
    if (before === '') {
      throw new EngineError({
        code: 'ENGINE_STEP_FAILED',
        message: `node ${record.node} does not answer to ssh, by which it is told to reboot`,
        hint: `\`cnilab node stop ${controlled.plan.name} ${record.node}\` and \`start\` need no ssh`,
      });
    }
    // The connection may end before the answer comes.
    await onMachine(deps.run, handle.directory, record, ['systemctl', 'reboot'], { timeoutMs: 20_000, signal: context.signal });
    throwIfInterrupted(context.signal);
    await readyAgain(controlled, before);
    return 'ready';
  },
  cut: async (controlled) => {
    await link(controlled, false);
    return "the lab's cable is pulled";
  },
  mend: async (controlled) => {
    await link(controlled, true);
    // What runs on a node that is not ready is taken out of Services, and a verification does not wait for it.
    await readyAgain(controlled, null);
    return 'ready';
  },
};

const kubectlOf = ({ deps, handle, record }: Controlled): Kubectl => kubectlFor(accessTo(deps, handle, record.cluster), deps);

async function nodeObject(controlled: Controlled): Promise<NodeObject | null> {
  const { record, context } = controlled;
  return await kubectlOf(controlled)
    .json<NodeObject>(['get', 'node', record.name, '--output=json'], { signal: context.signal })
    .catch((error: unknown) => {
      if (error instanceof LabError && error.code === 'INTERRUPTED') throw error;
      return null;
    });
}

/** The boot that a machine has behind it, as its kernel names it; '' while it does not answer. */
async function bootOf({ deps, handle, record, context }: Controlled): Promise<string> {
  const options = { timeoutMs: 20_000, signal: context.signal };
  const read = await onMachine(deps.run, handle.directory, record, ['cat', '/proc/sys/kernel/random/boot_id'], options);
  throwIfInterrupted(context.signal);
  return read.exitCode === 0 ? read.stdout.trim() : '';
}

/** The boot of which kubelet told the API last. */
const toldBoot = (node: NodeObject): string => (node.status as { readonly nodeInfo?: { readonly bootID?: string } } | undefined)?.nodeInfo?.bootID ?? '';

/** Waits until a node is ready that booted after `before`, or that did not boot (null): what the API says of a node is that of the last boot, for as long as it takes. */
async function readyAgain(controlled: Controlled, before: string | null): Promise<void> {
  const { deps, handle, record, context, progress } = controlled;
  const withinMs = (deps.limits.bootMs + deps.limits.readyMs) * handle.slowness;
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(1000, undefined, { signal: context.signal }).catch(() => undefined)) {
    throwIfInterrupted(context.signal);
    if (!deps.isAlive((await readRecords(handle.directory)).find(({ folder }) => folder === record.folder) ?? record)) break;
    const boot = await bootOf(controlled);
    if (boot === '' || boot === before) {
      progress('the machine boots');
      continue;
    }
    const node = await nodeObject(controlled);
    if (node !== null && toldBoot(node) === boot && isReady(node)) return;
    progress(node === null ? 'the API does not answer' : toldBoot(node) === boot ? 'kubelet says that it is not ready yet' : 'kubelet has not come back');
  }
  throw new EngineError({
    code: 'NOT_READY',
    message: `node ${record.node} is not ready again`,
    hint: `its console: ${join(handle.directory, record.folder, 'serial.log')}`,
  });
}
