import type { Construct } from 'constructs';
import { UDP_OVERHEAD, VXLAN_OVERHEAD } from '../../../topology/cni/flannel.ts';
import { isCniAtLeast } from '../../../topology/cni-version.ts';
import { versionOfImage } from '../../../topology/kind-images.ts';
import type { ClusterPlan } from '../../../topology/plan.ts';
import type { Family } from '../../../topology/spec.ts';
import type { ConfigMap, Container, DaemonSet, EnvVar, Namespace, Probe } from '../kubernetes-types.ts';
import { clusterAccount } from './account.ts';
import { ManifestChart } from './chart.ts';
import { AGNHOST_IMAGE } from '../../../topology/workloads.ts';
import { HOST, nodeSourceScript } from './node-source-script.ts';
import { apiServerEnv, type CniPlanOf, type CniSynth } from './context.ts';

const NAMESPACE = 'kube-flannel';
const CONFIG = 'kube-flannel-cfg';
const DAEMON_SET = 'kube-flannel-ds';
const IMAGE = 'ghcr.io/flannel-io/flannel';
/** Installs /opt/cni/bin/flannel; any release of it goes with any flannel 0.2x. */
const PLUGIN_IMAGE = 'ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel3';
const HEALTH_PORT = 8081;
const SUBNET_FILE = '/run/flannel/subnet.env';

export interface FlannelChartProps {
  /** x.y.z */
  readonly version: string;
  /** The pod CIDR per family: net-conf must say what kube-controller-manager shares out. */
  readonly networks: Readonly<Partial<Record<Family, string>>>;
  readonly backend: Readonly<Record<string, unknown>>;
  /** MTU of pods where flannel cannot know it; null: what the backend leaves. */
  readonly podMtuBytes: number | null;
  /** Rules as nftables of its own instead of iptables; must go with kube-proxy's. */
  readonly nftables: boolean;
  /** flanneld opens /dev/net/tun, which only a privileged container has. */
  readonly opensTun: boolean;
  /** Some pairs of nodes have bare routes between them. */
  readonly bareRoutes: boolean;
  readonly env: readonly EnvVar[];
}

/** Since 0.28.6 the image brings a program for it, and no promise of a shell or `cp`. */
const installConf = (version: string): readonly string[] => (isCniAtLeast(version, '0.28.6') ? ['/opt/bin/install-conf'] : ['cp', '-f']);

/**
 * Since 0.28.9 flannel says itself when routes and rules are in; before, the file that it writes last of all does. That one is asked for until it is there and
 * never again: each time is a process in a container, which takes an emulated processor seconds. When it is not there after ten minutes, the container is started anew.
 */
function probes(version: string): { readonly readinessProbe: Probe } | { readonly startupProbe: Probe } {
  return isCniAtLeast(version, '0.28.9')
    ? { readinessProbe: { httpGet: { path: '/readyz', port: HEALTH_PORT }, periodSeconds: 2 } }
    : { startupProbe: { exec: { command: ['test', '-s', SUBNET_FILE] }, periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 300 } };
}

/** flannel's objects as its own manifest has them, with the lab's network in them. */
export class FlannelChart extends ManifestChart {
  constructor(scope: Construct, id: string, props: FlannelChartProps) {
    super(scope, id);
    // The API refuses pods with capabilities in a namespace without this label where a cluster enforces pod security.
    const namespace: Namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    };
    this.add(namespace);
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    ];
    for (const object of clusterAccount('flannel', NAMESPACE, rules)) this.add(object);
    this.add(this.config(props));
    this.add(this.daemonSet(props));
  }

  private config({ networks, backend, podMtuBytes, nftables }: FlannelChartProps): ConfigMap {
    const { ipv4, ipv6 } = networks;
    const netConf = {
      EnableIPv4: ipv4 !== undefined,
      ...(ipv4 === undefined ? {} : { Network: ipv4 }),
      EnableIPv6: ipv6 !== undefined,
      ...(ipv6 === undefined ? {} : { IPv6Network: ipv6 }),
      EnableNFTables: nftables,
      Backend: backend,
    };
    const cniConf = {
      name: 'cbr0',
      cniVersion: '0.3.1',
      plugins: [
        { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true, ...(podMtuBytes === null ? {} : { mtu: podMtuBytes }) } },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    };
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: CONFIG, namespace: NAMESPACE, labels: { tier: 'node', app: 'flannel', 'k8s-app': 'flannel' } },
      data: { 'cni-conf.json': `${JSON.stringify(cniConf, null, 2)}\n`, 'net-conf.json': `${JSON.stringify(netConf, null, 2)}\n` },
    };
  }

  private daemonSet({ version, env, opensTun, bareRoutes, networks, nftables }: FlannelChartProps): DaemonSet {
    const image = `${IMAGE}:v${version}`;
    return {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: DAEMON_SET, namespace: NAMESPACE, labels: { tier: 'node', app: 'flannel', 'k8s-app': 'flannel' } },
      spec: {
        selector: { matchLabels: { app: 'flannel' } },
        template: {
          metadata: { labels: { tier: 'node', app: 'flannel' } },
          spec: {
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            hostNetwork: true,
            priorityClassName: 'system-node-critical',
            tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
            serviceAccountName: 'flannel',
            initContainers: [
              ...(bareRoutes ? [keepNodeSource(Object.values(networks), nftables)] : []),
              {
                name: 'install-cni-plugin',
                image: PLUGIN_IMAGE,
                imagePullPolicy: 'IfNotPresent',
                command: ['cp', '-f', '/flannel', '/opt/cni/bin/flannel'],
                volumeMounts: [{ name: 'cni-plugin', mountPath: '/opt/cni/bin' }],
              },
              {
                name: 'install-cni',
                image,
                imagePullPolicy: 'IfNotPresent',
                command: [...installConf(version), '/etc/kube-flannel/cni-conf.json', '/etc/cni/net.d/10-flannel.conflist'],
                volumeMounts: [
                  { name: 'cni', mountPath: '/etc/cni/net.d' },
                  { name: 'config', mountPath: '/etc/kube-flannel' },
                ],
              },
            ],
            containers: [
              {
                name: 'kube-flannel',
                image,
                imagePullPolicy: 'IfNotPresent',
                command: ['/opt/bin/flanneld', '--ip-masq', '--kube-subnet-mgr', `--healthz-port=${HEALTH_PORT}`],
                env: [
                  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
                  { name: 'EVENT_QUEUE_DEPTH', value: '5000' },
                  { name: 'CONT_WHEN_CACHE_NOT_READY', value: 'false' },
                  ...env,
                ],
                resources: { requests: { cpu: '100m', memory: '50Mi' } },
                securityContext: { privileged: opensTun, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
                livenessProbe: { httpGet: { path: '/healthz', port: HEALTH_PORT }, initialDelaySeconds: 10, periodSeconds: 30 },
                ...probes(version),
                volumeMounts: [
                  { name: 'run', mountPath: '/run/flannel' },
                  { name: 'config', mountPath: '/etc/kube-flannel' },
                  { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
                ],
              },
            ],
            volumes: [
              { name: 'run', hostPath: { path: '/run/flannel', type: 'DirectoryOrCreate' } },
              { name: 'cni-plugin', hostPath: { path: '/opt/cni/bin', type: 'DirectoryOrCreate' } },
              { name: 'cni', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } },
              { name: 'config', configMap: { name: CONFIG } },
              { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
              ...(bareRoutes ? [{ name: 'node', hostPath: { path: '/', type: 'Directory' as const } }] : []),
            ],
          },
        },
      },
    };
  }
}

/** See {@link nodeSourceScript}. Any image with a shell and `chroot` would do; this one is there for the responders of a verification anyway. */
function keepNodeSource(networks: readonly string[], nftables: boolean): Container {
  return {
    name: 'keep-node-source',
    image: AGNHOST_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-ec', nodeSourceScript(networks, nftables)],
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_CHROOT'] } },
    volumeMounts: [{ name: 'node', mountPath: HOST }],
  };
}

/** The MTU that the lab chose for the underlay by the one of its pods, in bytes; null where it chose none: flannel then takes the interface's. */
function chosenOuterMtu(cni: CniPlanOf<'flannel'>, cluster: ClusterPlan): number | null {
  const underlay = Math.min(...cluster.nodes.flatMap((node) => node.interfaces.map((face) => face.mtuBytes)));
  const overhead = { 'host-gw': 0, udp: UDP_OVERHEAD, vxlan: Math.max(...cluster.families.map((family) => VXLAN_OVERHEAD[family])) }[cni.backend];
  return cni.mtuBytes + overhead === underlay ? null : cni.mtuBytes + overhead;
}

/** host-gw and udp take no MTU: flannel computes it from the interface's, so the plugin is told. */
function podMtu(cni: CniPlanOf<'flannel'>, outerMtu: number | null): number | null {
  return cni.backend === 'vxlan' || outerMtu === null ? null : cni.mtuBytes;
}

function backendOf(cni: CniPlanOf<'flannel'>, outerMtu: number | null): Readonly<Record<string, unknown>> {
  if (cni.backend === 'host-gw') return { Type: 'host-gw' };
  if (cni.backend === 'udp') return { Type: 'udp', Port: cni.port };
  return { Type: 'vxlan', VNI: cni.vni, Port: cni.port, DirectRouting: cni.directRouting, ...(outerMtu === null ? {} : { MTU: outerMtu }) };
}

/** The manifests of flannel. What depends on its version follows the tag of the image that is really used. */
export const flannel: CniSynth<'flannel'> = (app, cni, context) => {
  const { plan, cluster } = context;
  const outerMtu = chosenOuterMtu(cni, cluster);
  const chart = new FlannelChart(app, 'flannel', {
    version: versionOfImage(plan.images[IMAGE] ?? '') ?? cni.version,
    networks: Object.fromEntries(cluster.families.map((family, i) => [family, cluster.podCIDRs[i]])),
    backend: backendOf(cni, outerMtu),
    podMtuBytes: podMtu(cni, outerMtu),
    nftables: cluster.kubeProxy.mode === 'nftables',
    opensTun: cni.backend === 'udp',
    bareRoutes: cni.backend === 'host-gw' || cni.directRouting,
    env: apiServerEnv(context),
  });
  return { charts: [chart], rollouts: [{ kind: 'DaemonSet', namespace: NAMESPACE, name: DAEMON_SET }] };
};
