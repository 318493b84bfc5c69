import type { KubernetesObject } from '../topology/spec.ts';

/** A Service of namespace default: port 80 of it is port 8080 of the pods that are labelled `app: NAME`. `spec` adds to that, or replaces it. */
export function serviceObject(name: string, spec: Readonly<Record<string, unknown>> = {}): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec } };
}

/** Two ports of a Service, over TCP and UDP. */
export const HTTP_AND_ECHO = [
  { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' },
  { name: 'echo', port: 81, targetPort: 8081, protocol: 'UDP' },
] as const;
