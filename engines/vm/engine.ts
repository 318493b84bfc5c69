/** The vm engine: every node is a machine of QEMU, made a node by cloud-init and kubeadm. */
import { LabError } from '../../topology/errors.ts';
import { vmRefusals } from '../../topology/vm-refusals.ts';
import type { Engine } from '../port.ts';
import { destroyMachines } from './destroy.ts';
import { fidelity } from './fidelity.ts';
import { accessTo, NAME, vmHandle, type VmHandle } from './handle.ts';
import { placeArgv } from './place.ts';
import { readRecords } from './records.ts';
import { replaceReasons } from '../kubernetes/replace-reasons.ts';
import { FIXED_PARTS } from './fixed-parts.ts';
import { vmSession } from './session.ts';
import { vmDeps, type VmDeps } from './vm-deps.ts';

/** `deps`: the lowest layer of a test. */
export function vmEngine(deps: VmDeps = vmDeps): Engine {
  /** Does every machine run that should? */
  const runs = async ({ directory }: VmHandle): Promise<boolean> => {
    const records = await readRecords(directory);
    return records.length > 0 && records.every((record) => record.wanted === 'stopped' || deps.isAlive(record));
  };

  return {
    name: NAME,
    title: 'Kubernetes on virtual machines (QEMU)',
    artifacts: 'vm',
    refusals: vmRefusals,
    replaceReasons: (from, to) => replaceReasons(FIXED_PARTS, from, to),
    kubernetes: (handle) => {
      const running = vmHandle(handle);
      return Object.keys(running.clusters).map((cluster) => accessTo(deps, running, cluster));
    },
    observe: async (handle, plan) => await (await import('./observe-machines.ts')).observeMachines(deps, vmHandle(handle), plan),
    capabilities: async (plan) => {
      const { kernelOf, needs } = await import('./preflight.ts');
      return await needs(deps, plan, await deps.chooseAccelerator(deps.run, { kernel: await kernelOf(plan) }));
    },
    fidelity,
    create: async (plan, context) => await (await import('./create.ts')).createMachines(deps, plan, context),
    mayChange: async (_handle, to, context) => await (await import('./change.ts')).mayChangeMachines(deps, to, context),
    change: async (handle, from, to, context) => {
      if (!(await runs(vmHandle(handle)))) throw lost(to.name);
      await (await import('./change.ts')).changeMachines(deps, handle, from, to, context);
    },
    status: async (handle) => ((await runs(vmHandle(handle))) ? 'up' : 'lost'),
    open: async (handle, plan) => {
      if (!(await runs(vmHandle(handle)))) throw lost(plan.name);
      return vmSession(deps, vmHandle(handle), plan);
    },
    enter: async (handle, place, argv) => {
      const running = vmHandle(handle);
      const terminal = process.stdin.isTTY && process.stdout.isTTY;
      return placeArgv(running, await readRecords(running.directory), place, argv, { input: true, terminal });
    },
    controlNode: async (handle, plan, id, action, context) =>
      await (await import('./control.ts')).controlMachine(deps, vmHandle(handle), plan, id, action, context),
    destroy: async (_handle, directory) => await destroyMachines(deps, directory),
  };
}

function lost(lab: string): LabError {
  return new LabError({
    code: 'LAB_LOST',
    message: `lab ${lab} is lost: not all of its machines run (somebody ended QEMU, or this machine was restarted)`,
    hint: `\`cnilab down ${lab}\` cleans up, \`cnilab up\` rebuilds it`,
  });
}
