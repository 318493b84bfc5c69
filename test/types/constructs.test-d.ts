/** Combinations that must not type-check. Nothing here runs: the compiler reports an unused `@ts-expect-error`. */
import { BridgeCni, CalicoCni, Cluster, FlannelCni, Lab, PodsPerNode, RawCni, WeaveCni, Service, type LabSpec, NetworkPolicy } from '../../index.ts';

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
new Cluster(lab, 'c', { cni, kubeProxy: { mode: 'kernelspace' } });
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
new FlannelCni({ backend: 'gre' });
// @ts-expect-error udp has no VNI
new FlannelCni({ backend: 'udp', vni: 1 });
// @ts-expect-error Docker was fed by vxlan
new FlannelCni({ backend: 'host-gw', docker: true });

// calico: what only BGP has.
// @ts-expect-error VXLAN needs no reflectors
new CalicoCni({ encapsulation: 'vxlan', routeReflectors: ['n1'] });
// @ts-expect-error the default is VXLAN
new CalicoCni({ routeReflectors: ['n1'] });
// @ts-expect-error VXLAN has no autonomous system
new CalicoCni({ encapsulation: 'crossSubnet', asNumber: 65_000 });

// Services: each type has its own fields.
const services: Cluster = new Cluster(lab, 'c4', { cni, dns: false });
new Service(services, 'a', { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'http' }] });
new Service(services, 'b', { headless: true });
new Service(services, 'd', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_080 }] });
// @ts-expect-error a Service with an address has ports
new Service(services, 'e', {});
// @ts-expect-error only NodePort and LoadBalancer have node ports
new Service(services, 'e', { ports: [{ port: 80, nodePort: 30_080 }] });
// @ts-expect-error headless has no address
new Service(services, 'e', { headless: true, clusterIPs: ['10.96.0.20'] });
// @ts-expect-error headless has no node ports
new Service(services, 'e', { headless: true, type: 'NodePort', ports: [{ port: 80 }] });
// @ts-expect-error an alias needs a name
new Service(services, 'e', { type: 'ExternalName' });
// @ts-expect-error an alias selects nobody
new Service(services, 'e', { type: 'ExternalName', externalName: 'example.com', selector: { app: 'a' } });
// @ts-expect-error nobody comes from outside
new Service(services, 'e', { externalTrafficPolicy: 'Local', ports: [{ port: 80 }] });

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

// A peer is an address block or pods, and a range of ports begins with a number.
const policed: Cluster = new Cluster(lab, 'c3', { cni });
new NetworkPolicy(policed, 'deny');
new NetworkPolicy(policed, 'p', {
  ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { a: 'b' } } }, { ipBlock: { cidr: '10.0.0.0/8' } }] }],
});
new NetworkPolicy(policed, 'p', { egress: [{ ports: [{ port: 'http' }, { port: 80, endPort: 90 }, { protocol: 'SCTP' }] }] });
// @ts-expect-error both in one item
new NetworkPolicy(policed, 'p', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }] });
// @ts-expect-error a named port has no end
new NetworkPolicy(policed, 'p', { ingress: [{ ports: [{ port: 'http', endPort: 90 }] }] });
// @ts-expect-error an end without a port
new NetworkPolicy(policed, 'p', { ingress: [{ ports: [{ endPort: 90 }] }] });
// @ts-expect-error from is of ingress
new NetworkPolicy(policed, 'p', { egress: [{ from: [] }] });
// @ts-expect-error Exists has no values
new NetworkPolicy(policed, 'p', { podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } });
// @ts-expect-error In has values
new NetworkPolicy(policed, 'p', { podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } });
