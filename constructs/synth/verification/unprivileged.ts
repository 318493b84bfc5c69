import type { Container, PodSpec } from '../kubernetes-types.ts';

/** `nobody`. */
const USER = 65_534;

/** Of every pod of a verification: it may nothing, calls no API, and runs on every node whatever its taints. */
export const UNPRIVILEGED_POD: Pick<
  PodSpec,
  'automountServiceAccountToken' | 'enableServiceLinks' | 'tolerations' | 'securityContext' | 'terminationGracePeriodSeconds'
> = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  terminationGracePeriodSeconds: 1,
  tolerations: [{ operator: 'Exists' }],
  securityContext: { runAsUser: USER, runAsGroup: USER, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
};

/** Of every container: an unprivileged process with a file system that it cannot change. */
export const UNPRIVILEGED_CONTAINER: Pick<Container, 'imagePullPolicy' | 'securityContext'> = {
  imagePullPolicy: 'IfNotPresent',
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
};
