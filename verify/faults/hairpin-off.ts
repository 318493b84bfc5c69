import type { Fault } from './fault.ts';
import { fitsService } from './service-target.ts';
import { bridge, namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** The kubelet's `--hairpin-mode none`, or a plugin without hairpinMode: all ports of the bridge alike. */
export const hairpinOff: Fault = {
  id: 'hairpin-off',
  layer: 'service',
  title: 'the bridge of a node sends no frame back by the port it came in by',
  diagnosis: 'hairpin-disabled',
  check: 'service-hairpin',
  fits: (target) => (target.node.bridge === null ? 'the pods of a node share no bridge' : fitsOwnEndpoint(target)),
  script: ({ node }, snapshot) => {
    const ports = namespaceIn(snapshot, node.netns).links.filter((link) => link.master === node.bridge?.name && link.hairpin === true);
    const set = (state: 'on' | 'off'): readonly ReturnType<typeof bridge>[] =>
      ports.map((port) => bridge(node.netns, 'link', 'set', 'dev', port.name, 'hairpin', state));
    return { inject: set('off'), undo: set('on') };
  },
};

/** A pod of the node is an endpoint: it can ask itself. */
export function fitsOwnEndpoint(target: FaultTarget): true | string {
  return fitsService(target, (port) => port.cluster.some((one) => one.local), 'no Service of the lab has an endpoint on the node');
}
