/** Planned links exist, are up, and sit in their bridge. */
import type { LinkSnapshot } from '../../engines/port.ts';
import type { Finding } from './finding.ts';
import { isLost, touches, touchesNode } from './flow.ts';
import { execCommand, execInPod, type LabView, namespaceOf } from './lab-view.ts';

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
    ];
    return planned.flatMap(({ name, master }): readonly Finding[] => {
      const link = namespace.links.find((one) => one.name === name);
      const wrong = link === undefined ? 'is missing' : !link.up ? 'is down' : master !== null && link.master !== master ? `is no port of ${master}` : null;
      if (wrong === null) return [];
      return [
        {
          name: 'link-down',
          where: [node.id],
          evidence: [`${name} of ${node.name} ${wrong}`],
          certainty: 'certain',
          mend: link === undefined ? '' : execCommand(view, node, ['ip', 'link', 'set', name, ...(link.up && master !== null ? ['master', master] : ['up'])]),
          explains: (flow) => isLost(flow) && touchesNode(flow, node.id),
        },
      ];
    });
  });
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
        mend: execInPod(view, pod, ['ip', 'link', 'set', name, 'up']),
        explains: (flow) => isLost(flow) && touches(flow, pod.id),
      },
    ];
  });
}

function podLinkTrouble(link: LinkSnapshot | undefined): string | null {
  if (link === undefined) return 'is missing';
  if (!link.up) return 'is down';
  return link.carrier ? null : "has no carrier: the node's end of the cable is down";
}
