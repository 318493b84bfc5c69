import type { DaemonSet } from '../kubernetes-types.ts';
import { ownerLabels, type Owner } from './labels.ts';
import { PROBE_PORT } from '../../../topology/probing.ts';
import { UNPRIVILEGED_CONTAINER, UNPRIVILEGED_POD } from './unprivileged.ts';

export interface ResponderProps extends Owner {
  /** agnhost */
  readonly image: string;
  /** In the network of the node: what pods reach when they call a node. A port that is taken there shows as a crash. */
  readonly hostNetwork: boolean;
  /** Of the cluster: how many times longer a program takes to start than on an ordinary machine. */
  readonly slowness: number;
}

/** A responder that listens to nothing for this long, times the slowness, is started anew. */
const STARTS_WITHIN_SECONDS = 120;

/**
 * One pod on every node that says who called it: agnhost's netexec, by TCP and UDP.
 *
 * A UDP socket that listens on all addresses answers from the one that the route back gives, which on a node need not be the one that was asked:
 * the network of a node is therefore listened to by address. The pod's addresses are the node's there.
 */
export function responder(props: ResponderProps): DaemonSet {
  const { image, hostNetwork, namespace, slowness } = props;
  const name = hostNetwork ? 'host-responder' : 'responder';
  const labels = { ...ownerLabels(props), 'cnilab.dev/role': name };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace, labels },
    spec: {
      selector: { matchLabels: { 'cnilab.dev/role': name } },
      // All nodes at once: nothing is served that would have to stay up.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
      template: {
        metadata: { labels },
        spec: {
          ...UNPRIVILEGED_POD,
          ...(hostNetwork ? { hostNetwork, dnsPolicy: 'Default' } : {}),
          containers: [
            {
              ...UNPRIVILEGED_CONTAINER,
              name: 'netexec',
              image,
              args: ['netexec', `--http-port=${PROBE_PORT}`, `--udp-port=${PROBE_PORT}`, ...(hostNetwork ? ['--udp-listen-addresses=$(POD_IPS)'] : [])],
              ...(hostNetwork ? { env: [{ name: 'POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } }] } : {}),
              // Asked inside of the pod: a node that cannot reach its own pods is what a verification looks for. healthz is 412 until UDP listens too.
              // Asked until it is up and never again: each time is a process more on a node that is being measured.
              startupProbe: {
                exec: { command: ['curl', '-q', '-sf', '-m', String(slowness), '--noproxy', '*', '-o', '/dev/null', `http://127.0.0.1:${PROBE_PORT}/healthz`] },
                periodSeconds: slowness,
                timeoutSeconds: 2 * slowness,
                failureThreshold: STARTS_WITHIN_SECONDS,
              },
              resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
            },
          ],
        },
      },
    },
  };
}
