/** The pod that plays ingress-nginx, and the Service in front of it: what a lab with Ingresses gets without asking. */
import type { ClusterPlan, PodPlan } from '../plan.ts';
import type { KubernetesObject } from '../spec.ts';
import { podLabels } from '../workloads.ts';
import { servedIngresses } from './read-ingress.ts';

export const INGRESS_NAMESPACE = 'ingress-nginx';
export const INGRESS_CONTROLLER = 'ingress-nginx-controller';

/** Labels by which the controller is found, of its upstream's manifests. */
const LABELS = {
  'app.kubernetes.io/name': 'ingress-nginx',
  'app.kubernetes.io/instance': 'ingress-nginx',
  'app.kubernetes.io/component': 'controller',
} as const;

/** Port on which the controller listens. */
export const HTTP_PORT = 80;

const plays = (namespace: string | undefined, labels: Readonly<Record<string, string>>): boolean =>
  namespace === INGRESS_NAMESPACE && Object.entries(LABELS).every(([key, value]) => labels[key] === value);

/** The pods that play the controller, in a cluster with an Ingress for it. */
export function controllerPods({ objects, pods }: Pick<ClusterPlan, 'objects' | 'pods'>): readonly PodPlan[] {
  return servedIngresses(objects).length === 0 ? [] : pods.filter(({ namespace, labels }) => plays(namespace, labels));
}

const DEPLOYMENT: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: INGRESS_CONTROLLER, namespace: INGRESS_NAMESPACE, labels: { ...LABELS } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { ...LABELS } },
    template: {
      metadata: { labels: { ...LABELS } },
      spec: { containers: [{ name: 'controller', ports: [{ name: 'http', containerPort: HTTP_PORT, protocol: 'TCP' }] }] },
    },
  },
};

/** The Deployment of the controller, where there is an Ingress for it and no pod of the author's plays it. */
export function controllerObjects(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  if (servedIngresses(objects).length === 0 || objects.some((object) => plays(object.metadata.namespace, podLabels(object)))) return [];
  return [DEPLOYMENT];
}

/**
 * ingress-nginx/ingress-nginx-controller, as upstream's manifests have it: a load balancer that keeps the client's address where the lab has an outside, else
 * node ports; in both families where the cluster has two. Port 443 is left out: nothing here ends TLS.
 */
export function controllerService(objects: readonly KubernetesObject[], outside: boolean): KubernetesObject | null {
  const own = ({ kind, metadata }: KubernetesObject): boolean =>
    kind === 'Service' && metadata.namespace === INGRESS_NAMESPACE && metadata.name === INGRESS_CONTROLLER;
  if (servedIngresses(objects).length === 0 || objects.some(own)) return null;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: INGRESS_CONTROLLER, namespace: INGRESS_NAMESPACE, labels: { ...LABELS } },
    spec: {
      ...(outside ? { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } : { type: 'NodePort' }),
      ipFamilyPolicy: 'PreferDualStack',
      selector: { ...LABELS },
      ports: [{ name: 'http', protocol: 'TCP', port: HTTP_PORT, targetPort: 'http' }],
    },
  };
}
