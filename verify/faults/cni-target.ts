import type { CniSetupSnapshot, Snapshot } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import { namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** true where pods are attached by CNI plugins. */
export function attachesByPlugins({ node }: FaultTarget): true | string {
  return node.conflist === null ? 'its pods are attached without CNI plugins' : true;
}

/** @throws LabError FAULT_NOT_APPLICABLE when the node has lost its folders */
export function setupOf({ node }: FaultTarget, snapshot: Snapshot): CniSetupSnapshot {
  const { cni } = namespaceIn(snapshot, node.netns);
  if (cni !== undefined) return cni;
  throw new LabError({
    code: 'FAULT_NOT_APPLICABLE',
    message: `${node.name} has no folder of CNI configurations`,
    hint: 'it is broken already: `cnilab down` and `cnilab up` rebuild the lab',
  });
}
