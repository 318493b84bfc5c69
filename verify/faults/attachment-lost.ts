import type { AttachmentPlan } from '../../topology/plan.ts';
import type { Fault } from './fault.ts';
import { ip } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** The other end of a pod's interface in a second network leaves the bridge: the pod has its interface and its address, and reaches nobody by it. */
export const attachmentLost: Fault = {
  id: 'attachment-lost',
  layer: 'l2',
  title: 'the interface of a pod in a second network is cut off from its bridge',
  diagnosis: 'attachment-broken',
  check: 'attachments',
  fits: (target) => (attachmentOf(target) === undefined ? 'no pod of the node has an interface in a second network' : true),
  script: (target) => {
    const attachment = attachmentOf(target);
    const bridge = target.node.networks?.find(({ network }) => network === attachment?.network)?.bridge.name;
    if (attachment === undefined || bridge === undefined) return { inject: [], undo: [] };
    const set = ['link', 'set', attachment.hostName] as const;
    const { netns } = target.node;
    return { inject: [ip(netns, 'ipv4', ...set, 'nomaster')], undo: [ip(netns, 'ipv4', ...set, 'master', bridge)] };
  },
};

/** The first of the target's pod, or of the first pod of its node that has one. */
function attachmentOf({ cluster, node, pod }: FaultTarget): AttachmentPlan | undefined {
  return [pod, ...cluster.pods.filter((one) => one.node === node.name)].flatMap(({ attachments = [] }) => attachments)[0];
}
