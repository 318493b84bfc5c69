import { controllerPods, HTTP_PORT } from '../../topology/ingress/controller.ts';
import type { PodPlan } from '../../topology/plan.ts';
import { restartServer, stopServer } from '../dns/restart-server.ts';
import type { Fault } from './fault.ts';
import type { FaultTarget } from './target.ts';

const CONTROLLER = { kind: 'ingress', port: HTTP_PORT } as const;

/** The network is well: the pod itself answers with a reset. */
export const closedPort: Fault = {
  id: 'closed-port',
  layer: 'workload',
  title: 'the program of a pod has ended (the controller of an Ingress), and nothing listens on its port',
  diagnosis: 'port-not-listening',
  check: 'ingress',
  fits: ({ cluster, ...target }) => {
    if (controllerPods(cluster).length === 0) return 'no pod of the lab runs a program that serves a port (an Ingress has one: its controller)';
    return controllerOn({ cluster, ...target }) === undefined ? 'the controller of its Ingresses is on another node' : true;
  },
  script: (target) => {
    const { netns } = controllerOn(target) ?? target.pod;
    return { inject: [{ netns, argv: stopServer(netns, CONTROLLER) }], undo: [{ netns, argv: restartServer(netns, CONTROLLER) }] };
  },
};

function controllerOn({ cluster, node }: FaultTarget): PodPlan | undefined {
  return controllerPods(cluster).find((pod) => pod.node === node.name);
}
