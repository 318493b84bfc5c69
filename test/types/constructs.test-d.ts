/** Combinations that must not type-check. Nothing here runs: the compiler reports an unused `@ts-expect-error`. */
import { BridgeCni, CalicoCni, Cluster, FlannelCni, Lab, PodsPerNode, RawCni, WeaveCni, type LabSpec } from '../../index.ts';

const lab: Lab = new Lab({ name: 'types' });
const cni: BridgeCni = new BridgeCni();

// What is right.
new Lab({ name: 'a', underlay: { cidr: ['10.0.0.0/24', 'fd00::/64'], mtu: 1400 } });
new Lab({ name: 'a', underlay: { segments: [{ name: 's', cidr: '10.0.0.0/24' }] } });
new Cluster(lab, 'c1', { cni, workers: 3, kubeProxy: { mode: 'ipvs', scheduler: 'rr' } });
new Cluster(lab, 'c2', { cni, nodes: [{ name: 'n1', role: 'control-plane' }], kubeProxy: { mode: 'nftables' } });
new FlannelCni({ backend: 'vxlan', vni: 2, port: 4789, directRouting: true, mtu: 1400 });
new FlannelCni({ vni: 2 });
new FlannelCni({ backend: 'host-gw', mtu: 1500 });
new CalicoCni({ encapsulation: 'none', routeReflectors: ['n1'], asNumber: 65_000 });
new CalicoCni({ encapsulation: 'ipip', natOutgoing: false });
export const spec: LabSpec = lab.toSpec();

// A lab has a name.
// @ts-expect-error name is missing
new Lab({});
// One segment or several.
// @ts-expect-error cidr is the short form for one segment
new Lab({ name: 'a', underlay: { cidr: '10.0.0.0/24', segments: [{ name: 's', cidr: '10.0.0.0/24' }] } });
// @ts-expect-error unknown field
new Lab({ name: 'a', clusters: [] });

// A cluster has a CNI, and its nodes are counted or named.
// @ts-expect-error cni is missing
new Cluster(lab, 'c', {});
// @ts-expect-error counted and named
new Cluster(lab, 'c', { cni, workers: 2, nodes: [{ name: 'n1' }] });
// @ts-expect-error a spec is no CNI construct
new Cluster(lab, 'c', { cni: { type: 'bridge' } });
// @ts-expect-error only ipvs has schedulers
new Cluster(lab, 'c', { cni, kubeProxy: { mode: 'iptables', scheduler: 'rr' } });
// @ts-expect-error a scheduler alone does not say ipvs
new Cluster(lab, 'c', { cni, kubeProxy: { scheduler: 'rr' } });
// @ts-expect-error no such mode
new Cluster(lab, 'c', { cni, kubeProxy: { mode: 'userspace' } });
// @ts-expect-error a lab is the scope of clusters, and a cluster that of workloads
new PodsPerNode(lab, 'web');
// @ts-expect-error not under another cluster
new Cluster(new Cluster(lab, 'c3', { cni }), 'c', { cni });

// flannel: what only VXLAN has.
// @ts-expect-error host-gw has no VNI
new FlannelCni({ backend: 'host-gw', vni: 1 });
// @ts-expect-error host-gw has no port
new FlannelCni({ backend: 'host-gw', port: 8472 });
// @ts-expect-error host-gw is direct already
new FlannelCni({ backend: 'host-gw', directRouting: true });
// @ts-expect-error no such backend
new FlannelCni({ backend: 'udp' });

// calico: what only BGP has.
// @ts-expect-error VXLAN needs no reflectors
new CalicoCni({ encapsulation: 'vxlan', routeReflectors: ['n1'] });
// @ts-expect-error the default is VXLAN
new CalicoCni({ routeReflectors: ['n1'] });
// @ts-expect-error VXLAN has no autonomous system
new CalicoCni({ encapsulation: 'crossSubnet', asNumber: 65_000 });

// Options of one CNI are not those of another.
// @ts-expect-error of flannel
new BridgeCni({ vni: 1 });
// @ts-expect-error of bridge
new WeaveCni({ bridge: 'cni0' });
// @ts-expect-error a list has plugins; this is a single plugin's configuration
new RawCni({ conflist: { cniVersion: '1.0.0', name: 'n', type: 'bridge' } });
// @ts-expect-error a conflist is needed
new RawCni({});

// @ts-expect-error what an author gives is not changed afterwards
lab.props.name = 'other';
