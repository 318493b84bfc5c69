/** Second networks: every node has their bridges, every pod that asks its interface with its address, and the cable between ends on the bridge. */
import type { AttachmentPlan, NodePlan, PodPlan } from '../../topology/plan.ts';
import { addAddress } from './addresses.ts';
import type { Finding } from './finding.ts';
import { isLost, touches, touchesNode, type Flow } from './flow.ts';
import { execCommand, execInPod, type LabView, namespaceOf } from './lab-view.ts';
import { bringUp, linkTrouble } from './links.ts';

/** The check whose failures it explains: nothing else goes over a second network. */
const CHECK = 'attachments';

/** Bridges of the nodes, then the pods in them. */
export function inventoryAttachments(view: LabView): readonly Finding[] {
  return [
    ...view.nodes.flatMap((node) => bridgesOf(view, node)),
    ...view.pods.flatMap((pod) => {
      const node = view.endpoints.get(pod.id)?.node;
      return node === undefined ? [] : (pod.attachments ?? []).flatMap((one) => attachmentOf(view, node, pod, one));
    }),
  ];
}

function bridgesOf(view: LabView, node: NodePlan): readonly Finding[] {
  const namespace = namespaceOf(view, node.netns);
  if (namespace === undefined) return [];
  return (node.networks ?? []).flatMap(({ network, bridge }): readonly Finding[] => {
    const link = namespace.links.find(({ name }) => name === bridge.name);
    const wrong = linkTrouble(link, null);
    if (wrong === null) return [];
    return [
      {
        name: 'attachment-broken',
        where: [node.id],
        certainty: 'certain',
        evidence: [`${bridge.name} of ${node.name}, the bridge of network ${network}, ${wrong}`],
        mend: link === undefined ? '' : execCommand(view, node, ['ip', 'link', 'set', bridge.name, 'up']),
        explains: (flow) => isOverNetwork(flow) && touchesNode(flow, node.id),
      },
    ];
  });
}

/** The first thing that is wrong, from the pod to the bridge. */
function attachmentOf(view: LabView, node: NodePlan, pod: PodPlan, one: AttachmentPlan): readonly Finding[] {
  const own = namespaceOf(view, pod.netns);
  const host = namespaceOf(view, node.netns);
  if (own === undefined || host === undefined) return [];
  const { name, hostName, network, addresses } = one;
  const found = (wrong: string, mend: string): readonly Finding[] => [
    {
      name: 'attachment-broken',
      where: [pod.id],
      certainty: 'certain',
      evidence: [`${wrong} (network ${network})`],
      mend,
      explains: (flow) => isOverNetwork(flow) && touches(flow, pod.id),
    },
  ];
  const link = own.links.find((each) => each.name === name);
  if (link === undefined) return found(`${name} of ${pod.id} is missing`, '');
  if (!link.up) return found(`${name} of ${pod.id} is down`, bringUp(view, pod, one));
  const bridge = node.networks?.find((each) => each.network === network)?.bridge.name ?? null;
  const end = host.links.find((each) => each.name === hostName);
  const cutOff = linkTrouble(end, bridge);
  if (cutOff !== null) {
    const words = end?.up === true && bridge !== null ? ['master', bridge] : ['up'];
    return found(
      `${hostName} of ${node.name}, the other end of ${name} of ${pod.id}, ${cutOff}`,
      end === undefined ? '' : execCommand(view, node, ['ip', 'link', 'set', hostName, ...words]),
    );
  }
  const lacking = addresses.filter(({ address }) => !own.addresses.some((has) => has.dev === name && has.address === address));
  return lacking.length === 0
    ? []
    : found(
        `${name} of ${pod.id} lacks ${lacking.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' and ')}`,
        lacking.map((address) => execInPod(view, pod, addAddress(address, name))).join('; '),
      );
}

function isOverNetwork(flow: Flow): boolean {
  return flow.failure.check === CHECK && (isLost(flow) || flow.failure.class === 'finding');
}
