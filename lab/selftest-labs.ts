/** The labs of the self-test: few, and every fault of the library has one that can show it. And the healthy ones, of every kind. */
import { traitsOf } from '../topology/cni/index.ts';
import type { ClusterSpec, CniSpec, KubernetesObject, LabSpec, ProxyMode, WorkloadSpec } from '../topology/spec.ts';

const LEFT_AND_RIGHT = [
  { name: 'left', cidr: '10.0.1.0/24' },
  { name: 'right', cidr: '10.0.2.0/24' },
] as const;
const ON_BOTH = [
  { name: 'worker1', segment: 'left' },
  { name: 'worker2', segment: 'right' },
  { name: 'worker3', segment: 'left' },
] as const;
const [POD6, SERVICE6, LAN6] = ['fd00:10:244::/56', 'fd00:10:96::/112', 'fd00:30::/64'];
const FAMILIES = {
  ipv4: { lab: {}, cluster: {} },
  ipv6: { lab: { underlay: { cidr: LAN6 } }, cluster: { podCIDR: POD6, serviceCIDR: SERVICE6 } },
  dual: { lab: { underlay: { cidr: ['172.30.0.0/24', LAN6] } }, cluster: { podCIDR: ['10.244.0.0/16', POD6], serviceCIDR: ['10.96.0.0/16', SERVICE6] } },
} as const;

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'web' }, ...spec },
});
const PORTS = [
  { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' },
  { name: 'echo', port: 81, targetPort: 8081, protocol: 'UDP' },
] as const;
/** What the faults of Services need: node ports, UDP, affinity. */
const SERVICES: readonly KubernetesObject[] = [
  service('web', { type: 'NodePort', ports: PORTS }),
  service('sticky', { sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
];
const POLICIES: readonly KubernetesObject[] = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web-alone-calls-db' },
    spec: {
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ protocol: 'TCP', port: 5432 }] }],
    },
  },
];
const INGRESS: KubernetesObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'web' },
  spec: {
    ingressClassName: 'nginx',
    rules: [{ host: 'web.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }],
  },
};
const WEB: readonly WorkloadSpec[] = [
  { name: 'web', perNode: 1 },
  { name: 'client', replicas: 1, nodeSelector: { 'kubernetes.io/hostname': 'worker1' } },
];
const WEB_AND_DB: readonly WorkloadSpec[] = [
  { name: 'web', perNode: 1 },
  { name: 'db', perNode: 1 },
];
const WITH_STORAGE: readonly WorkloadSpec[] = WEB.map((workload) => ({ ...workload, networks: ['storage'] }));
const ECHO: readonly WorkloadSpec[] = [{ name: 'echo', perNode: 2 }];

function lab(name: string, cni: CniSpec, cluster: Partial<ClusterSpec> = {}, more: Partial<LabSpec> = {}): LabSpec {
  const nodes = cluster.nodes === undefined ? { controlPlanes: 1, workers: 2 } : {};
  return { name, clusters: [{ name: 'c1', cni, workloads: ECHO, ...nodes, ...cluster }], ...more };
}

/**
 * Where the self-test injects: overlay, BGP, a router between segments, one segment for all pods, a process that every packet passes, one wire for the whole pod
 * network; Services in both modes of the proxy, names, policies, a second network.
 */
export const selfTestLabs: readonly LabSpec[] = [
  lab('flannel-services', { type: 'flannel' }, { workloads: WEB, objects: SERVICES, dns: false, kubeProxy: { mode: 'iptables' } }),
  lab(
    'bridge-services',
    { type: 'bridge' },
    { networks: [{ name: 'storage', cidr: '10.60.0.0/16' }], workloads: WITH_STORAGE, objects: SERVICES, dns: false, kubeProxy: { mode: 'nftables' } },
  ),
  lab(
    'calico-policies',
    { type: 'calico', encapsulation: 'none' },
    { workloads: WEB_AND_DB, objects: [...SERVICES, ...POLICIES], kubeProxy: { mode: 'nftables' } },
  ),
  lab('weave-policies', { type: 'weave' }, { workloads: WEB_AND_DB, objects: [...SERVICES, ...POLICIES], kubeProxy: { mode: 'iptables' } }),
  lab('kindnet-ingress', { type: 'kindnet' }, { workloads: WEB, objects: [...SERVICES, INGRESS], dns: false }),
  lab('calico-segments', { type: 'calico', encapsulation: 'crossSubnet' }, { nodes: ON_BOTH }, { underlay: { segments: LEFT_AND_RIGHT } }),
  lab('flannel-ipv6', { type: 'flannel' }, FAMILIES.ipv6.cluster, FAMILIES.ipv6.lab),
  lab('flannel-udp', { type: 'flannel', backend: 'udp' }),
  lab('flannel-docker', { type: 'flannel', docker: true }),
];

const HEALTHY_CNIS: Readonly<Record<string, CniSpec>> = {
  bridge: { type: 'bridge' },
  'flannel-vxlan': { type: 'flannel' },
  'flannel-host-gw': { type: 'flannel', backend: 'host-gw' },
  'flannel-udp': { type: 'flannel', backend: 'udp' },
  'flannel-docker': { type: 'flannel', docker: true },
  'calico-vxlan': { type: 'calico' },
  'calico-bgp': { type: 'calico', encapsulation: 'none' },
  'calico-segments': { type: 'calico', encapsulation: 'crossSubnet' },
  weave: { type: 'weave' },
  kindnet: { type: 'kindnet' },
};
/** flannel's history knew IPv4 alone. */
const isHistory = (cni: CniSpec): boolean => cni.type === 'flannel' && (cni.backend === 'udp' || cni.docker === true);

/** Mode userspace hides who asked, and its lab fails for that; the kernel of many machines has no IPVS, whose lab is left out there. */
const MODES = ['iptables', 'nftables', 'ipvs', 'none'] as const satisfies readonly ProxyMode[];

function healthy(name: string, cni: CniSpec, family: keyof typeof FAMILIES, mode: (typeof MODES)[number]): LabSpec {
  const { families, enforcesNetworkPolicy } = traitsOf(cni.type);
  const segmented = name === 'calico-segments';
  const objects = [...(mode === 'none' ? [] : SERVICES), ...(enforcesNetworkPolicy ? POLICIES : [])];
  const nodes = segmented ? { nodes: ON_BOTH } : { workers: families.length + MODES.indexOf(mode) };
  return lab(
    `${name}-${family}-${mode}`,
    cni,
    { kubeProxy: { mode }, dns: mode !== 'none', objects, workloads: WEB_AND_DB, ...nodes, ...FAMILIES[family].cluster },
    segmented ? { underlay: { segments: LEFT_AND_RIGHT } } : FAMILIES[family].lab,
  );
}

/**
 * Healthy labs of every CNI with every family and proxy mode that it has; sizes from one node to nine with five pods each. Those with a proxy have
 * Services, those whose CNI enforces policies have one.
 */
export const healthyLabs: readonly LabSpec[] = [
  // What takes longest comes first, so that nobody waits for it alone at the end.
  lab('flannel-large', { type: 'flannel' }, { workers: 8, workloads: [{ name: 'app', perNode: 5 }] }),
  lab('calico-large', { type: 'calico' }, { workers: 8, workloads: [{ name: 'app', perNode: 5 }] }),
  ...Object.entries(HEALTHY_CNIS).flatMap(([name, cni]) => {
    const { proxyModes, ...traits } = traitsOf(cni.type);
    const families = traits.families.filter((family) => family === 'ipv4' || !isHistory(cni));
    const possible = [...families, ...(families.length > 1 && name !== 'calico-segments' ? (['dual'] as const) : [])];
    return possible.flatMap((family) => MODES.filter((mode) => proxyModes.includes(mode)).map((mode) => healthy(name, cni, family, mode)));
  }),
  lab('bridge-single', { type: 'bridge' }, { workers: 0 }),
];
