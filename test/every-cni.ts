/** Every CNI in each of its ways, as manifests: for tests that ask the same of all of them. */
import { cniManifests, type CniManifests } from '../constructs/synth/cni/index.ts';
import { kindApiServer, kindNodes } from '../constructs/synth/kind-names.ts';
import { traitsOf } from '../topology/cni/index.ts';
import { planLab } from '../topology/plan-lab.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { CniSpec, ClusterSpec, LabSpec, ProxyMode } from '../topology/spec.ts';
import type { UpstreamObjects } from '../topology/upstream.ts';

const CNIS: readonly CniSpec[] = [
  { type: 'bridge' },
  { type: 'bridge', masquerade: false, bridge: 'br0', mtu: 1400 },
  { type: 'flannel' },
  { type: 'flannel', directRouting: true, vni: 7, port: 4789, mtu: 1400 },
  { type: 'flannel', backend: 'host-gw' },
  { type: 'flannel', version: '0.28.4' },
  { type: 'kindnet' },
  { type: 'calico' },
  { type: 'calico', encapsulation: 'crossSubnet', natOutgoing: false, blockSize: 25 },
  { type: 'calico', encapsulation: 'ipip' },
  { type: 'calico', encapsulation: 'none' },
  { type: 'calico', encapsulation: 'none', asNumber: 64600, routeReflectors: ['worker1'] },
  { type: 'weave', password: 'not-a-secret' },
];
const PROXIES: readonly ProxyMode[] = ['iptables', 'nftables', 'ipvs', 'none'];
const [POD6, SERVICE6, LAN6] = ['fd00:10:244::/56', 'fd00:10:96::/112', 'fd00:30::/64'];
const FAMILIES = {
  ipv4: { cluster: {}, lab: {} },
  ipv6: { cluster: { podCIDR: POD6, serviceCIDR: SERVICE6 }, lab: { underlay: { cidr: LAN6 } } },
  dual: { cluster: { podCIDR: ['10.244.0.0/16', POD6], serviceCIDR: ['10.96.0.0/16', SERVICE6] }, lab: { underlay: { cidr: ['172.30.0.0/24', LAN6] } } },
} as const;

/** A lab of one cluster with a control plane and two workers. */
export function labWith(cni: CniSpec, cluster: Partial<ClusterSpec> = {}, lab: Partial<LabSpec> = {}): LabPlan {
  return planLab({ name: 'every', ...lab, clusters: [{ name: 'c1', kubernetesVersion: '1.34', workers: 2, cni, ...cluster }] });
}

/** The CNI's manifests of a lab's first cluster. */
export function manifestsOf(plan: LabPlan, upstream: UpstreamObjects = new Map()): CniManifests {
  const [cluster] = plan.clusters;
  if (cluster === undefined) throw new Error('the lab has no cluster');
  return cniManifests({ plan, cluster, nodes: kindNodes(plan, cluster), apiServer: kindApiServer(plan, cluster), upstream });
}

/** Every combination of CNI, kube-proxy mode and families that a lab may have, by a name that says which. */
export const everyCni: readonly { readonly name: string; readonly plan: LabPlan }[] = CNIS.flatMap((cni) =>
  PROXIES.filter((mode) => traitsOf(cni.type).proxyModes.includes(mode)).flatMap((mode) =>
    Object.entries(FAMILIES)
      .filter(
        ([family]) => (family === 'dual' ? 2 : 1) <= traitsOf(cni.type).families.length && (family !== 'ipv6' || traitsOf(cni.type).families.includes('ipv6')),
      )
      .map(([family, { cluster, lab }]) => ({
        name: `${Object.values(cni).join(' ')}, kube-proxy ${mode}, ${family}`,
        plan: labWith(cni, { kubeProxy: { mode }, ...cluster }, lab),
      })),
  ),
);
