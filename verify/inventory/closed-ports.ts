/** Ports that a program of the lab should serve, and nothing listens on: the controllers of Ingresses. */
import { controllerPods, HTTP_PORT } from '../../topology/ingress/controller.ts';
import { restartServer } from '../dns/restart-server.ts';
import type { Finding } from './finding.ts';
import { execInPod, type LabView, namespaceOf } from './lab-view.ts';

/** Controllers that do not listen. */
export function inventoryClosedPorts(view: LabView): readonly Finding[] {
  return view.plan.clusters.flatMap((cluster) =>
    controllerPods(cluster).flatMap((pod): readonly Finding[] => {
      const listening = namespaceOf(view, pod.netns)?.listening;
      if (listening === undefined || listening.some((socket) => socket.endsWith(`:${HTTP_PORT}`))) return [];
      return [
        {
          name: 'port-not-listening',
          where: [pod.id],
          certainty: 'certain',
          evidence: [`nothing in ${pod.id}, the controller of Ingresses, listens on port ${HTTP_PORT}`],
          mend: execInPod(view, pod, restartServer(pod.netns, { kind: 'ingress', port: HTTP_PORT })),
          explains: ({ failure, client }) => failure.check === 'ingress' && failure.class === 'refused' && client.node.cluster === cluster.name,
        },
      ];
    }),
  );
}
