import type { KubernetesObject } from '../../../topology/spec.ts';
import type { EnvVar } from '../kubernetes-types.ts';
import { apiServerEnv, type CniManifestContext, type CniPlanOf, type CniSynth } from './context.ts';
import type { ManifestPatch } from './patch.ts';
import { ObjectsChart, upstreamObjects } from './upstream-chart.ts';

type CalicoPlan = CniPlanOf<'calico'>;

const NAMESPACE = 'kube-system';
const DAEMON_SET = 'calico-node';
/** Calico's own AS number, for which it needs no BGPConfiguration. */
const DEFAULT_AS = 64512;
const REFLECTOR_LABEL = 'cnilab.dev/route-reflector';
/** Of the group of reflectors (RFC 4456 section 7), an IPv4 address in form only. */
const REFLECTOR_CLUSTER_ID = '244.0.0.1';

/** How the default pool's packets travel: the two variables exclude each other. */
const POOL: Readonly<Record<CalicoPlan['encapsulation'], { readonly ipip: string; readonly vxlan: string }>> = {
  none: { ipip: 'Never', vxlan: 'Never' },
  ipip: { ipip: 'Always', vxlan: 'Never' },
  vxlan: { ipip: 'Never', vxlan: 'Always' },
  crossSubnet: { ipip: 'Never', vxlan: 'CrossSubnet' },
};

const variables = (values: Readonly<Record<string, string>>): readonly EnvVar[] => Object.entries(values).map(([name, value]) => ({ name, value }));

function patches(cni: CalicoPlan, { cluster }: CniManifestContext): readonly ManifestPatch[] {
  const pool = POOL[cni.encapsulation];
  return [
    { op: 'data', configMap: 'calico-config', key: 'veth_mtu', value: String(cni.mtuBytes) },
    {
      op: 'env',
      daemonSet: DAEMON_SET,
      container: 'calico-node',
      present: variables({ CALICO_IPV4POOL_IPIP: pool.ipip, CALICO_IPV4POOL_VXLAN: pool.vxlan }),
      added: variables({
        CALICO_IPV4POOL_CIDR: cluster.podCIDRs[0] ?? '',
        CALICO_IPV4POOL_BLOCK_SIZE: String(cni.blockSize),
        CALICO_IPV4POOL_NAT_OUTGOING: String(cni.natOutgoing),
        // The address that kubelet registered, whatever other interfaces a node has.
        IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
        // Asked for outright: older versions do not find out by themselves, and their iptables rules stand in the way of kube-proxy's.
        ...(cluster.kubeProxy.mode === 'nftables' ? { FELIX_NFTABLESMODE: 'Enabled' } : {}),
      }),
    },
  ];
}

/** Overrides the API's address in every container of calico-node, which looks for this ConfigMap. */
function endpoint(context: CniManifestContext): readonly KubernetesObject[] {
  const env = apiServerEnv(context);
  if (env.length === 0) return [];
  const data = Object.fromEntries(env.map((variable) => [variable.name, 'value' in variable ? variable.value : '']));
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubernetes-services-endpoint', namespace: NAMESPACE }, data }];
}

/**
 * What differs from a full mesh of AS 64512. Calico keeps its resources in the definitions of its manifest (crd.projectcalico.org/v1), and reads what
 * makes a node a reflector from the Node object: the annotation for its cluster ID, the label for the selector of its peers.
 */
function bgp(cni: CalicoPlan, { nodes }: CniManifestContext): readonly KubernetesObject[] {
  if (cni.encapsulation !== 'none' || (cni.asNumber === DEFAULT_AS && cni.routeReflectors.length === 0)) return [];
  const reflectors = nodes.filter((node) => cni.routeReflectors.includes(node.plan));
  const apiVersion = 'crd.projectcalico.org/v1';
  return [
    ...reflectors.map((node) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: node.name,
        labels: { [REFLECTOR_LABEL]: 'true' },
        annotations: { 'projectcalico.org/RouteReflectorClusterID': REFLECTOR_CLUSTER_ID },
      },
    })),
    {
      apiVersion,
      kind: 'BGPConfiguration',
      metadata: { name: 'default' },
      spec: { asNumber: cni.asNumber, nodeToNodeMeshEnabled: reflectors.length === 0 },
    },
    ...(reflectors.length === 0
      ? []
      : [
          {
            apiVersion,
            kind: 'BGPPeer',
            metadata: { name: 'route-reflectors' },
            spec: { nodeSelector: 'all()', peerSelector: `${REFLECTOR_LABEL} == 'true'` },
          },
        ]),
  ];
}

const isDefinition = (object: KubernetesObject): boolean => object.kind === 'CustomResourceDefinition';

/** The manifests of Calico: its own, patched; its definitions first, for the API must know them before the rest. IPv4 only, as everywhere here. */
export const calico: CniSynth<'calico'> = (app, cni, context) => {
  const objects = upstreamObjects(cni, context.upstream, patches(cni, context));
  return {
    charts: [
      new ObjectsChart(app, 'crds', objects.filter(isDefinition)),
      new ObjectsChart(app, 'calico', [...endpoint(context), ...bgp(cni, context), ...objects.filter((object) => !isDefinition(object))]),
    ],
    rollouts: [{ kind: 'DaemonSet', namespace: NAMESPACE, name: DAEMON_SET }],
  };
};
