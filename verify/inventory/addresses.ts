/** Addresses, ranges and MACs are unique in the lab, and every pod and node has the planned ones. */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { nodeDevices } from '../../topology/node-devices.ts';
import type { AddressPlan, PodPlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { touches, touchesNode } from './flow.ts';
import { familyOf, execCommand, execInPod, type LabView, namespaceOf } from './lab-view.ts';
import { inventoryNodeAddresses } from './node-addresses.ts';
import { inventoryNodeIdentities } from './node-identities.ts';
import { inventoryRanges } from './ranges.ts';
import { ipArgv } from '../ip-argv.ts';

/** Duplicate addresses first: they explain the most. */
export function inventoryAddresses(view: LabView): readonly Finding[] {
  return [
    ...duplicateAddresses(view),
    ...duplicateMacs(view),
    ...inventoryNodeIdentities(view),
    ...inventoryRanges(view),
    ...inventoryNodeAddresses(view),
    ...podDifferences(view),
    ...nodeDifferences(view),
  ];
}

interface Holder {
  readonly pod: PodPlan;
  readonly prefixLength: number;
}

/** The pods that hold an address on an interface of their own, as read from their kernels. */
export function holdersOf(view: LabView): ReadonlyMap<string, readonly Holder[]> {
  const holders = new Map<string, Holder[]>();
  for (const pod of view.pods) {
    const namespace = pod.hostNetwork ? undefined : namespaceOf(view, pod.netns);
    for (const one of namespace === undefined ? [] : podAddresses(namespace)) {
      holders.set(one.address, [...(holders.get(one.address) ?? []), { pod, prefixLength: one.prefixLength }]);
    }
  }
  return holders;
}

function isPlannedFor({ interface: first, attachments = [] }: PodPlan, address: string): boolean {
  return [...(first === null ? [] : [first]), ...attachments].some(({ addresses }) => addresses.some((one) => one.address === address));
}

function podAddresses(namespace: NamespaceSnapshot): readonly { readonly address: string; readonly prefixLength: number }[] {
  return namespace.addresses.filter((one) => one.dev !== 'lo' && !one.address.startsWith('fe80:') && !one.address.startsWith('169.254.'));
}

function duplicateAddresses(view: LabView): readonly Finding[] {
  return [...holdersOf(view)]
    .filter(([, holders]) => new Set(holders.map((one) => one.pod.id)).size > 1)
    .map(([address, holders]): Finding => {
      const ids = holders.map((one) => one.pod.id);
      const rightful = view.pods.find((pod) => isPlannedFor(pod, address));
      const wrong = holders.find((one) => one.pod.id !== rightful?.id) ?? holders[0];
      return {
        name: 'duplicate-pod-ip',
        where: ids,
        certainty: 'certain',
        evidence: [
          `${address} is on the interfaces of ${ids.join(' and ')}; planned: ${rightful === undefined ? 'for nobody' : `for ${rightful.id} alone`}`,
          ...neighbourEvidence(view, address),
        ],
        mend:
          wrong === undefined
            ? ''
            : execInPod(
                view,
                wrong.pod,
                ipArgv(familyOf(address), 'addr', 'del', `${address}/${wrong.prefixLength}`, 'dev', wrong.pod.interface?.name ?? 'eth0'),
              ),
        explains: (flow) => ids.some((id) => touches(flow, id)),
      };
    });
}

/** Who the others believe has it: the neighbour entries that were read. */
function neighbourEvidence(view: LabView, address: string): readonly string[] {
  const byMac = new Map(view.pods.map((pod) => [pod.interface?.mac ?? '', pod.id]));
  return view.nodes.flatMap((node) =>
    (namespaceOf(view, node.netns)?.neighbours ?? [])
      .filter((one) => one.address === address && one.mac !== '')
      .map((one) => `${node.name} holds ${one.mac} for it (${byMac.get(one.mac) ?? 'unknown'}, ${one.state})`),
  );
}

function duplicateMacs(view: LabView): readonly Finding[] {
  const holders = new Map<string, PodPlan[]>();
  for (const pod of view.pods) {
    const link = namespaceOf(view, pod.netns)?.links.find((one) => one.name === pod.interface?.name);
    // One MAC in two bridges does no harm.
    if (!pod.hostNetwork && link !== undefined)
      holders.set(`${pod.cluster} ${pod.node} ${link.mac}`, [...(holders.get(`${pod.cluster} ${pod.node} ${link.mac}`) ?? []), pod]);
  }
  return [...holders]
    .filter(([, pods]) => pods.length > 1)
    .map(([key, pods]): Finding => {
      const ids = pods.map((pod) => pod.id);
      const wrong = pods.find((pod) => pod.interface?.mac !== key.split(' ')[2]) ?? pods[0];
      return {
        name: 'duplicate-mac',
        where: ids,
        evidence: [`${key.split(' ')[2]} is the MAC of ${ids.join(' and ')}`],
        certainty: 'certain',
        mend: wrong?.interface ? execInPod(view, wrong, ['ip', 'link', 'set', wrong.interface.name, 'address', wrong.interface.mac]) : '',
        explains: (flow) => ids.some((id) => touches(flow, id)),
      };
    });
}

function podDifferences(view: LabView): readonly Finding[] {
  return view.pods.flatMap((pod) => {
    const namespace = namespaceOf(view, pod.netns);
    const planned = pod.interface;
    // An interface that is gone or down is the business of the link inventory: IPv6 addresses go with it.
    if (namespace === undefined || planned === null || !namespace.links.some((link) => link.name === planned.name && link.up)) return [];
    const found = podAddresses(namespace).filter((one) => !isPlannedFor(pod, one.address));
    return planned.addresses
      .filter((one) => !namespace.addresses.some((has) => has.address === one.address))
      .map(
        (one): Finding => ({
          name: 'address-differs-from-plan',
          where: [pod.id],
          certainty: 'certain',
          evidence: [
            `${planned.name} of ${pod.id} has ${found.length === 0 ? 'no address' : found.map((has) => `${has.address}/${has.prefixLength}`).join(', ')}; planned: ${one.address}/${one.prefixLength}`,
          ],
          mend: execInPod(view, pod, addAddress(one, planned.name)),
          // What should be nobody's address may be the one that the pod took.
          explains: (flow) =>
            touches(flow, pod.id) || (flow.failure.class === 'unexpected-answer' && found.some((has) => flow.failure.saw.includes(has.address))),
        }),
      );
  });
}

function nodeDifferences(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) => {
    const namespace = namespaceOf(view, node.netns);
    return nodeDevices(node).flatMap((device) => {
      // A device that is gone is the business of the link inventory.
      if (namespace?.links.some((link) => link.name === device.name) !== true) return [];
      return device.addresses
        .filter((one) => !namespace.addresses.some((has) => has.dev === device.name && has.address === one.address))
        .map(
          (one): Finding => ({
            name: 'address-differs-from-plan',
            where: [node.id],
            certainty: 'certain',
            evidence: [`${device.name} of ${node.name} lacks ${one.address}/${one.prefixLength}`],
            mend: execCommand(view, node, addAddress(one, device.name)),
            explains: (flow) => touchesNode(flow, node.id),
          }),
        );
    });
  });
}

/** `ip addr add`, as planned. */
export function addAddress(one: AddressPlan, dev: string): readonly string[] {
  return ipArgv(one.family, 'addr', 'add', `${one.address}/${one.prefixLength}`, 'dev', dev);
}
