import type { Construct } from 'constructs';
import { AGNHOST_IMAGE } from '../../../topology/workloads.ts';
import type { ConfigMap, DaemonSet } from '../kubernetes-types.ts';
import { clusterAccount } from './account.ts';
import { bridgeScript, RANGES, READY, SETTINGS } from './bridge-script.ts';
import { ManifestChart } from './chart.ts';
import type { CniSynth } from './context.ts';

const NAME = 'cnilab-bridge';
const NAMESPACE = 'kube-system';
/** Where its container sees the node's root directory. */
const HOST = '/host';

export interface BridgeChartProps {
  /** Name of the bridge on every node. */
  readonly bridge: string;
  readonly mtuBytes: number;
  /** Is what leaves the pod CIDR masqueraded? */
  readonly masquerade: boolean;
  /** The cluster's, one per family. */
  readonly podCIDRs: readonly string[];
  /** The API as nodes reach it without kube-proxy. */
  readonly apiServer: { readonly host: string; readonly port: number };
}

/** The CNI configuration of a node but for its ranges. isGateway and the route, never isDefaultGateway with it: the plugin then fails on every ADD. */
function conflistOf({ bridge, mtuBytes, podCIDRs }: BridgeChartProps): object {
  return {
    cniVersion: '1.0.0',
    name: NAME,
    plugins: [
      {
        type: 'bridge',
        bridge,
        isGateway: true,
        hairpinMode: true,
        ipMasq: false,
        mtu: mtuBytes,
        ipam: { type: 'host-local', ranges: RANGES, routes: podCIDRs.map((cidr) => ({ dst: cidr.includes(':') ? '::/0' : '0.0.0.0/0' })) },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** Access to the API by the pod's own token, which the API server renews in its file. */
function kubeconfigOf({ host, port }: BridgeChartProps['apiServer']): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server: `https://${host}:${port}`, 'certificate-authority': `${SETTINGS}/ca.crt` } }],
    users: [{ name: NAME, user: { tokenFile: `${SETTINGS}/token` } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: NAME } }],
    'current-context': 'lab',
  };
}

/** The bridge CNI of a cluster: a DaemonSet that configures each node from what the API says of all of them. */
export class BridgeChart extends ManifestChart {
  constructor(scope: Construct, id: string, props: BridgeChartProps) {
    super(scope, id);
    for (const object of clusterAccount(NAME, NAMESPACE, [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] }])) this.add(object);
    this.add(this.settings(props));
    this.add(this.daemonSet(props));
  }

  private settings(props: BridgeChartProps): ConfigMap {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace: NAMESPACE },
      data: {
        'bridge.sh': bridgeScript,
        'conflist.json': `${JSON.stringify(conflistOf(props), null, 2)}\n`,
        'kubeconfig.json': `${JSON.stringify(kubeconfigOf(props.apiServer), null, 2)}\n`,
      },
    };
  }

  private daemonSet({ podCIDRs, masquerade }: BridgeChartProps): DaemonSet {
    const labels = { app: NAME };
    const isReady = { exec: { command: ['test', '-e', `${HOST}${READY}`] } };
    return {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: NAME, namespace: NAMESPACE, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            serviceAccountName: NAME,
            automountServiceAccountToken: false,
            priorityClassName: 'system-node-critical',
            // It makes nodes ready, so it must run where nothing else may.
            tolerations: [{ operator: 'Exists' }],
            terminationGracePeriodSeconds: 2,
            containers: [
              {
                name: 'bridge',
                // Any image with `chroot` would do; this one is there for the responders of a verification anyway.
                image: AGNHOST_IMAGE,
                imagePullPolicy: 'IfNotPresent',
                command: ['chroot', HOST, '/bin/sh', `${SETTINGS}/bridge.sh`],
                env: [
                  { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                  { name: 'POD_CIDRS', value: podCIDRs.join(' ') },
                  { name: 'MASQUERADE', value: masquerade ? 'yes' : '' },
                ],
                resources: { requests: { cpu: '10m', memory: '32Mi' } },
                // Routes and rules; raw sockets, by which iptables-legacy talks to the kernel; the change of root. Files are root's own.
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_CHROOT'] } },
                // A process in a container, which takes an emulated processor seconds.
                startupProbe: { ...isReady, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 600 },
                readinessProbe: { ...isReady, periodSeconds: 5, timeoutSeconds: 10 },
                volumeMounts: [
                  { name: 'node', mountPath: HOST },
                  { name: 'settings', mountPath: `${HOST}${SETTINGS}`, readOnly: true },
                ],
              },
            ],
            volumes: [
              { name: 'node', hostPath: { path: '/', type: 'Directory' } },
              {
                name: 'settings',
                projected: {
                  sources: [
                    { serviceAccountToken: { path: 'token' } },
                    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
                    { configMap: { name: NAME } },
                  ],
                },
              },
            ],
          },
        },
      },
    };
  }
}

/** The manifests of the bridge CNI. */
export const bridge: CniSynth<'bridge'> = (app, cni, { cluster, apiServer }) => ({
  charts: [new BridgeChart(app, 'bridge', { ...cni, podCIDRs: cluster.podCIDRs, apiServer })],
  rollouts: [{ kind: 'DaemonSet', namespace: NAMESPACE, name: NAME }],
});
