/** Planned links exist, are up, and sit in their bridge. */
import type { LinkSnapshot } from '../../engines/port.ts';
import { cidrOf, familyBits, formatCidr, parseAddress } from '../../topology/cidr.ts';
import type { PodInterfacePlan, PodPlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { isLost, touches, touchesNode } from './flow.ts';
import { execCommand, execInPod, familyOf, isRoutedPerPod, type LabView, namespaceOf } from './lab-view.ts';
import { ipArgv } from '../ip-argv.ts';

/** Links of nodes, then those of pods. */
export function inventoryLinks(view: LabView): readonly Finding[] {
  return [...nodeLinks(view), ...podLinks(view)];
}

function nodeLinks(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) => {
    const namespace = namespaceOf(view, node.netns);
    if (namespace === undefined) return [];
    const planned = [
      ...node.interfaces.map((one) => ({ name: one.name, master: null })),
      ...(node.bridge === null ? [] : [{ name: node.bridge.name, master: null }]),
      ...node.vxlans.map((one) => ({ name: one.name, master: one.master })),
      ...(node.tun === undefined ? [] : [{ name: node.tun.name, master: null }]),
    ];
    return planned.flatMap(({ name, master }): readonly Finding[] => {
      const link = namespace.links.find((one) => one.name === name);
      const trouble = linkTrouble(link, master);
      const wrong = trouble ?? (name === node.tun?.name && link?.carrier === false ? 'has no process behind it' : null);
      if (wrong === null) return [];
      return [
        {
          name: 'link-down',
          where: [node.id],
          evidence: [`${name} of ${node.name} ${wrong}`],
          certainty: 'certain',
          mend:
            link === undefined || trouble === null
              ? ''
              : execCommand(view, node, ['ip', 'link', 'set', name, ...(link.up && master !== null ? ['master', master] : ['up'])]),
          explains: (flow) => isLost(flow) && touchesNode(flow, node.id),
        },
      ];
    });
  });
}

/** What is wrong with a link of a node; null: nothing. `master`: the bridge whose port it is to be. */
export function linkTrouble(link: LinkSnapshot | undefined, master: string | null): string | null {
  if (link === undefined) return 'is missing';
  if (!link.up) return 'is down';
  return master !== null && link.master !== master ? `is no port of ${master}` : null;
}

function podLinks(view: LabView): readonly Finding[] {
  return view.pods.flatMap((pod): readonly Finding[] => {
    const namespace = namespaceOf(view, pod.netns);
    if (namespace === undefined || pod.interface === null) return [];
    const { name } = pod.interface;
    const wrong = podLinkTrouble(namespace.links.find((one) => one.name === name));
    if (wrong === null) return [];
    return [
      {
        name: 'address-not-assigned',
        where: [pod.id],
        evidence: [`${name} of ${pod.id} ${wrong}`],
        certainty: 'certain',
        mend: bringUp(view, pod, pod.interface),
        explains: (flow) => (isLost(flow) || flow.failure.class === 'address-differs') && touches(flow, pod.id),
      },
    ];
  });
}

/** The commands that bring an interface of a pod up: one that was down has lost its routes, and the addresses of IPv6. */
export function bringUp(view: LabView, pod: PodPlan, { name, addresses, gateways }: PodInterfacePlan): string {
  const node = view.endpoints.get(pod.id)?.node;
  if (node === undefined) return '';
  return [
    ipArgv('ipv4', 'link', 'set', name, 'up'),
    ...addresses.flatMap((one) => (one.family === 'ipv6' ? [ipArgv('ipv6', 'addr', 'replace', `${one.address}/${one.prefixLength}`, 'dev', name)] : [])),
    ...gateways.flatMap((gateway) => {
      const family = familyOf(gateway);
      // A pod that is routed by itself reaches its neighbours by the gateway as well.
      const beside = isRoutedPerPod(view, node) ? addresses.filter((one) => one.family === family && one.prefixLength < familyBits(family)) : [];
      const ranges = beside.map((one) => formatCidr(cidrOf(parseAddress(one.address), one.prefixLength)));
      return ['default', ...ranges].map((to) => ipArgv(family, 'route', 'replace', to, 'via', gateway, 'dev', name, 'onlink'));
    }),
  ]
    .map((argv) => execInPod(view, pod, argv))
    .join('; ');
}

function podLinkTrouble(link: LinkSnapshot | undefined): string | null {
  if (link === undefined) return 'is missing';
  if (!link.up) return 'is down';
  return link.carrier ? null : "has no carrier: the node's end of the cable is down";
}
