import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../topology/diagnostic.ts';
import { formatPath } from '../../topology/format-diagnostic.ts';
import { rules, type RuleName } from '../../topology/rules/index.ts';
import { parseLabSpec } from '../../topology/schema.ts';
import type { BridgeCniSpec, ClusterSpec, CniSpec, KubernetesObject, LabSpec, NodeSpec, RawCniSpec } from '../../topology/spec.ts';

const flannel: CniSpec = { type: 'flannel' };
const cluster = (rest: Partial<ClusterSpec> = {}): ClusterSpec => ({ name: 'c1', cni: flannel, ...rest });
const lab = (rest: Partial<ClusterSpec> = {}, others: Partial<LabSpec> = {}): LabSpec => ({ name: 'demo', clusters: [cluster(rest)], ...others });
const hosts = (...list: NonNullable<LabSpec['hosts']>): LabSpec => ({ name: 'demo', underlay: { cidr: '192.168.1.0/24' }, hosts: list });
const two = [{ name: 'a', cidr: '10.0.1.0/24' }, { name: 'b', cidr: '10.0.2.0/24' }];
const onTwo: readonly NodeSpec[] = [{ name: 'n1', role: 'control-plane', segment: 'a' }, { name: 'n2', segment: 'b' }];
const split = (cni: CniSpec, others: Partial<LabSpec> = {}): LabSpec => lab({ cni, nodes: onTwo }, { underlay: { segments: two }, ...others });
const object = (kind: string, name: string, spec: unknown = {}, apiVersion = 'v1'): KubernetesObject => ({ apiVersion, kind, metadata: { name }, spec });
const raw = (conflist: RawCniSpec['conflist'], rest: Partial<ClusterSpec> = {}): LabSpec => lab({ cni: { type: 'raw', conflist }, ...rest });
const list = (plugin: unknown): RawCniSpec['conflist'] => ({ cniVersion: '1.0.0', name: 'mynet', plugins: [plugin] });
const oneNode: Partial<ClusterSpec> = { controlPlanes: 1, workers: 0 };
const hostLocal = (ipam: object, more: object = {}): unknown => ({ type: 'bridge', bridge: 'cni0', ...more, ipam: { type: 'host-local', ...ipam } });
const policy = (spec: unknown = {}): KubernetesObject => object('NetworkPolicy', 'db-policy', spec, 'networking.k8s.io/v1');

/** What is wrong, what must be told of it (code, place, words, next step), and the nearest lab that is right. */
type Row = readonly [title: string, bad: LabSpec, code: string, place: string, message: string, hint: string, good: LabSpec];

const ROWS: Readonly<Record<RuleName, readonly Row[]>> = {
  'lab-form': [
    ['underlay in two forms', lab({}, { underlay: { cidr: '10.0.0.0/24', segments: two } }), 'UNDERLAY_AMBIGUOUS', 'underlay.cidr', 'and segments', 'remove cidr', lab({}, { underlay: { segments: two } })],
    ['an empty lab', { name: 'demo' }, 'LAB_EMPTY', '', 'no cluster, host or router', 'clusters:', hosts({ name: 'h' })],
  ],
  names: [
    ['shell metacharacter', { ...lab(), name: 'x;rm' }, 'NAME_INVALID', 'name', 'it holds ";" (character 2)', 'use x-rm', lab()],
    ['path', lab({ name: '../c1' }), 'NAME_INVALID', 'clusters.../c1.name', 'it holds "." (character 1)', 'use c1', lab({ name: 'c1' })],
    ['long lab name', { ...lab(), name: 'a'.repeat(41) }, 'NAME_INVALID', 'name', '41 characters; 40', 'use aaaa', { ...lab(), name: 'a'.repeat(40) }],
    ['long cluster name', lab({ name: 'a'.repeat(21) }), 'NAME_INVALID', `clusters.${'a'.repeat(21)}.name`, '21 characters; 20', 'use', lab({ name: 'a'.repeat(20) })],
    ['node', lab({ nodes: [{ name: 'Node_1' }] }), 'NAME_INVALID', 'clusters.c1.nodes.Node_1.name', 'write it in lower case', 'use node-1', lab({ nodes: [{ name: 'node-1.example' }] })],
    ['host', hosts({ name: 'a b' }), 'NAME_INVALID', 'hosts.a b.name', 'a space', 'use a-b', hosts({ name: 'a-b' })],
    ['router', lab({}, { routers: [{ name: 'r`id`', interfaces: [{ segment: 'lan' }] }] }), 'NAME_INVALID', 'routers.r`id`.name', '"`"', 'use r-id', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }] }] })],
    ['segment', lab({}, { underlay: { segments: [{ name: 'a$', cidr: '10.0.1.0/24' }] } }), 'NAME_INVALID', 'underlay.segments.a$.name', '"$"', 'use a', lab({}, { underlay: { segments: two } })],
    ['outside host', lab({}, { outside: { hosts: [{ name: '-' }] } }), 'NAME_INVALID', 'outside.hosts.-.name', 'begins with "-"', 'a-z', lab({}, { outside: { hosts: [{ name: 'web' }] } })],
    ['segment of the outside\'s name', lab({}, { underlay: { segments: [{ name: 'outside', cidr: '10.0.1.0/24' }] }, outside: { hosts: [] } }), 'NAME_RESERVED', 'underlay.segments.outside.name', 'segment of its own', 'otherwise', lab({}, { underlay: { segments: [{ name: 'outside', cidr: '10.0.1.0/24' }] } })],
    ['workload', lab({ workloads: [{ name: 'web.1' }] }), 'NAME_INVALID', 'clusters.c1.workloads.web.1.name', '"."', 'use web-1', lab({ workloads: [{ name: 'web-1' }] })],
    ['workload that gets numbers', lab({ workloads: [{ name: 'a'.repeat(62), perNode: 2 }] }), 'NAME_INVALID', `clusters.c1.workloads.${'a'.repeat(62)}.name`, '62 characters; 61', 'use', lab({ workloads: [{ name: 'a'.repeat(61), perNode: 2 }] })],
    ['namespace', lab({ workloads: [{ name: 'w', namespace: 'a/b' }] }), 'NAME_INVALID', 'clusters.c1.workloads.w.namespace', '"/"', 'use a-b', lab({ workloads: [{ name: 'w', namespace: 'prod' }] })],
    ['object', lab({ objects: [object('Pod', 'a|b')] }), 'NAME_INVALID', 'clusters.c1.objects.a|b.metadata.name', '"|"', 'use a-b', lab({ objects: [object('Pod', 'a.b')] })],
    ['DNS domain', lab({ dnsDomain: 'cluster..local' }), 'NAME_INVALID', 'clusters.c1.dnsDomain', 'empty part', 'use cluster-local', lab({ dnsDomain: 'lab.example' })],
  ],
  'names-unique': [
    ['clusters', { name: 'demo', clusters: [cluster(), cluster()] }, 'NAME_DUPLICATE', 'clusters.c1.name', 'two clusters of the lab are named c1', 'rename', { name: 'demo', clusters: [cluster(), cluster({ name: 'c2' })] }],
    ['nodes', lab({ nodes: [{ name: 'n' }, { name: 'n' }] }), 'NAME_DUPLICATE', 'clusters.c1.nodes.n.name', 'two nodes of cluster c1', 'rename this node', lab({ nodes: [{ name: 'n' }, { name: 'm' }] })],
    ['segments', lab({}, { underlay: { segments: [{ name: 'a', cidr: '10.0.1.0/24' }, { name: 'a', cidr: '10.0.2.0/24' }] } }), 'NAME_DUPLICATE', 'underlay.segments.a.name', 'two segments', 'rename', lab({}, { underlay: { segments: two } })],
    ['a host like the router that is added', { ...hosts({ name: 'router' }), outside: { hosts: [] } }, 'NAME_DUPLICATE', 'hosts.router.name', 'a router (added by planning) and a host', 'rename this host', hosts({ name: 'router' })],
    ['an outside host like a host', { ...hosts({ name: 'a' }), outside: { hosts: [{ name: 'a' }] } }, 'NAME_DUPLICATE', 'outside.hosts.a.name', 'a host and an outside host', 'rename', { ...hosts({ name: 'a' }), outside: { hosts: [{ name: 'b' }] } }],
  ],
  labels: [
    ['value', lab({ workloads: [{ name: 'w', labels: { app: 'a b' } }] }), 'LABEL_INVALID', 'clusters.c1.workloads.w.labels.app', 'the value "a b" of label app', 'web', lab({ workloads: [{ name: 'w', labels: { app: '' } }] })],
    ['key', lab({ nodes: [{ name: 'n', labels: { 'a b': 'c' } }] }), 'LABEL_INVALID', 'clusters.c1.nodes.n.labels.a b', 'the label key "a b"', 'example.com/tier', lab({ nodes: [{ name: 'n', labels: { 'example.com/tier_1': 'c.D' } }] })],
    ['prefix of a key', lab({ workloads: [{ name: 'w', nodeSelector: { 'Ex/tier': 'c' } }] }), 'LABEL_INVALID', 'clusters.c1.workloads.w.nodeSelector.Ex/tier', 'the part before "/"', 'example.com', lab({ workloads: [{ name: 'w', nodeSelector: { 'node-role.kubernetes.io/control-plane': '' } }] })],
  ],
  'cidr-syntax': [
    ['host bits', lab({ podCIDR: '10.244.1.5/24' }), 'CIDR_HOST_BITS', 'clusters.c1.podCIDR', 'the network is 10.244.1.0/24', 'write 10.244.1.0/24', lab({ podCIDR: '10.244.1.0/24' })],
    ['prefix', lab({ serviceCIDR: ['10.96.0.0/33'] }), 'CIDR_PREFIX', 'clusters.c1.serviceCIDR[0]', '0 to 32', 'first address', lab({ serviceCIDR: ['10.96.0.0/16', 'fd00:96::/112'] })],
    ['underlay', lab({}, { underlay: { cidr: '10.0/16' } }), 'CIDR_SYNTAX', 'underlay.cidr', '2 of 4 octets', 'first address', lab({}, { underlay: { cidr: '10.0.0.0/16' } })],
    ['segment', lab({}, { underlay: { segments: [{ name: 'a', cidr: 'x' }] } }), 'CIDR_SYNTAX', 'underlay.segments.a.cidr', 'no prefix length', '/', lab({}, { underlay: { segments: two } })],
    ['outside', lab({}, { outside: { cidr: '203.0.113.1/24', hosts: [] } }), 'CIDR_HOST_BITS', 'outside.cidr', '203.0.113.0/24', 'write', lab({}, { outside: { cidr: '203.0.113.0/24', hosts: [] } })],
    ['weave range', lab({ cni: { type: 'weave', range: '10.50.0.1/16' } }), 'CIDR_HOST_BITS', 'clusters.c1.cni.range', '10.50.0.0/16', 'write', lab({ cni: { type: 'weave', range: '10.50.0.0/16' } })],
    ['node share', lab({ nodes: [{ name: 'n', podCIDR: '10.244.1.1/24' }] }), 'CIDR_HOST_BITS', 'clusters.c1.nodes.n.podCIDR', '10.244.1.0/24', 'write', lab({ nodes: [{ name: 'n', podCIDR: '10.244.1.0/24' }] })],
    ['route', hosts({ name: 'h', routes: [{ to: 'default', via: '192.168.1.1' }] }), 'CIDR_SYNTAX', 'hosts.h.routes[0].to', 'no prefix length', '/', hosts({ name: 'h', routes: [{ to: '0.0.0.0/0', via: '192.168.1.1' }] })],
    ['address with a prefix', hosts({ name: 'h', address: '192.168.1.7/24' }), 'ADDRESS_SYNTAX', 'hosts.h.address', 'not part of an address', 'write 192.168.1.7', hosts({ name: 'h', address: '192.168.1.7' })],
    ['gateway', hosts({ name: 'h', gateway: 'router' }), 'ADDRESS_SYNTAX', 'hosts.h.gateway', 'neither IPv4 nor IPv6', ', or none', hosts({ name: 'h', gateway: 'none' })],
    ['router address', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan', address: '172.30.0' }] }] }), 'ADDRESS_SYNTAX', 'routers.r.interfaces[0].address', '3 of 4 octets', '192.168.1.10', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan', address: '172.30.0.1' }] }] })],
    ['no default left', { name: 'demo', clusters: Array.from({ length: 13 }, (_, i) => cluster({ name: `c${i + 1}` })) }, 'CIDR_NO_DEFAULT', 'clusters.c13', 'no default podCIDR left for cluster number 13', 'write the podCIDR', { name: 'demo', clusters: Array.from({ length: 12 }, (_, i) => cluster({ name: `c${i + 1}` })) }],
  ],
  'cidr-reserved': [
    ['loopback', lab({ podCIDR: '127.0.0.0/16' }), 'CIDR_RESERVED', 'clusters.c1.podCIDR', 'loopback', 'RFC 1918', lab({ podCIDR: '128.0.0.0/16' })],
    ['everything', lab({}, { underlay: { cidr: '0.0.0.0/0' } }), 'CIDR_RESERVED', 'underlay.cidr', '"this network"', 'private', lab({}, { underlay: { cidr: '10.0.0.0/8' } })],
    ['IPv6 link-local', lab({ podCIDR: 'fe80::/64' }), 'CIDR_RESERVED', 'clusters.c1.podCIDR', 'link-local', 'RFC 4193', lab({ podCIDR: 'fd00:80::/64' })],
    ['IPv6 with the mapped addresses', lab({}, { outside: { cidr: '::/32', hosts: [] } }), 'CIDR_RESERVED', 'outside.cidr', 'unspecified', 'RFC 4193', lab({}, { outside: { cidr: '2001:db8::/32', hosts: [] } })],
  ],
  'dual-stack-pairing': [
    ['IPv6 pods, IPv4 services', lab({ podCIDR: 'fd00:10:244::/56', serviceCIDR: '10.96.0.0/16' }), 'DUAL_STACK_MISMATCH', 'clusters.c1.serviceCIDR', 'are IPv6 (fd00:10:244::/56), its services IPv4 (10.96.0.0/16)', 'fd00:10:96::/112', lab({ podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' })],
    ['dual pods, single services', lab({ podCIDR: ['10.244.0.0/16', 'fd00::/56'], serviceCIDR: '10.96.0.0/16' }), 'DUAL_STACK_MISMATCH', 'clusters.c1.serviceCIDR', 'IPv4 and IPv6', 'as well', lab({ podCIDR: ['10.244.0.0/16', 'fd00::/56'] })],
    ['another order', lab({ podCIDR: ['10.244.0.0/16', 'fd00::/56'], serviceCIDR: ['fd01::/112', '10.96.0.0/16'] }), 'DUAL_STACK_MISMATCH', 'clusters.c1.serviceCIDR', 'the first is the primary family', 'same order', lab({ podCIDR: ['10.244.0.0/16', 'fd00::/56'], serviceCIDR: ['10.96.0.0/16', 'fd01::/112'] })],
    ['one family twice', lab({ podCIDR: ['10.244.0.0/16', '10.245.0.0/16'] }), 'FAMILY_TWICE', 'clusters.c1.podCIDR[1]', '10.244.0.0/16 and 10.245.0.0/16 are both IPv4', 'make it IPv6', lab({ podCIDR: ['10.244.0.0/16'] })],
    ['segment without the family', lab({ podCIDR: 'fd00::/56' }, { underlay: { cidr: '10.0.0.0/24' } }), 'DUAL_STACK_MISMATCH', 'underlay.cidr', 'segment lan of its nodes has only IPv4', 'add an IPv6 range', lab({ podCIDR: 'fd00::/56' }, { underlay: { cidr: ['10.0.0.0/24', 'fd01::/64'] } })],
  ],
  'cidr-overlap': [
    ['pods and services', lab({ podCIDR: '10.100.0.0/16', serviceCIDR: '10.96.0.0/12' }), 'CIDR_OVERLAP', 'clusters.c1.serviceCIDR', '10.96.0.0/12 (services of cluster c1) overlaps 10.100.0.0/16 (pods of cluster c1)', 'it is free', lab({ podCIDR: '10.244.0.0/16', serviceCIDR: '10.96.0.0/12' })],
    ['calico pool and node LAN', lab({ podCIDR: '192.168.0.0/16' }, { underlay: { cidr: '192.168.15.0/24' } }), 'CIDR_OVERLAP', 'clusters.c1.podCIDR', '(segment lan)', 'use 10.244.0.0/16 for the pods of cluster c1: it is free', lab({ podCIDR: '192.168.0.0/16' }, { underlay: { cidr: '10.0.0.0/24' } })],
    ['with a default', lab({ podCIDR: '10.96.0.0/14' }), 'CIDR_OVERLAP', 'clusters.c1.podCIDR', 'services of cluster c1, by default', 'it is free', lab({ podCIDR: '10.100.0.0/14' })],
    ['two clusters', { name: 'demo', clusters: [cluster({ podCIDR: '10.7.0.0/16' }), cluster({ name: 'c2', podCIDR: '10.7.0.0/16' })] }, 'CIDR_OVERLAP', 'clusters.c2.podCIDR', '10.7.0.0/16 (pods of cluster c2) overlaps 10.7.0.0/16 (pods of cluster c1)', 'use 10.244.0.0/16', { name: 'demo', clusters: [cluster({ podCIDR: '10.7.0.0/16' }), cluster({ name: 'c2', podCIDR: '10.8.0.0/16' })] }],
    ['segments', lab({}, { underlay: { segments: [{ name: 'a', cidr: '10.16.59.0/24' }, { name: 'b', cidr: '10.16.59.64/26' }] } }), 'CIDR_OVERLAP', 'underlay.segments.b.cidr', '(segment b) overlaps 10.16.59.0/24 (segment a)', 'it is free', lab({}, { underlay: { segments: [{ name: 'a', cidr: '10.16.59.0/26' }, { name: 'b', cidr: '10.16.59.64/26' }] } })],
    ['the outside', lab({ podCIDR: '203.0.112.0/20' }, { outside: { hosts: [] } }), 'CIDR_OVERLAP', 'clusters.c1.podCIDR', '(the outside, by default)', 'it is free', lab({ podCIDR: '203.0.112.0/20' })],
    ['IPv6', lab({ podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:244::/112' }), 'CIDR_OVERLAP', 'clusters.c1.serviceCIDR', 'overlaps fd00:10:244::/56', 'it is free', lab({ podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' })],
  ],
  'service-contains-node': [
    ['node and ClusterIPs on one LAN', lab({ serviceCIDR: '10.16.59.0/24', nodes: [{ name: 'n', address: '10.16.59.13' }] }, { underlay: { cidr: '10.16.59.0/24' } }), 'SERVICE_CONTAINS_NODE', 'clusters.c1.nodes.n.address', '10.16.59.13 of node c1/n lies in 10.16.59.0/24 (services of cluster c1)', 'which is free', lab({ serviceCIDR: '10.16.59.64/26', nodes: [{ name: 'n', address: '10.16.59.13' }] }, { underlay: { cidr: '10.16.59.0/26' } })],
    ['outside host among the pods', lab({ podCIDR: '192.168.0.0/16' }, { outside: { cidr: '192.168.5.0/24', hosts: [{ name: 'peer', address: '192.168.5.10' }] } }), 'PODS_CONTAIN_NODE', 'outside.hosts.peer.address', 'pods of cluster c1', 'move the pods', lab({ podCIDR: '10.244.0.0/16' }, { outside: { cidr: '192.168.5.0/24', hosts: [{ name: 'peer', address: '192.168.5.10' }] } })],
  ],
  'kubeadm-limits': [
    ['few services', lab({ serviceCIDR: '10.96.0.0/29' }), 'SERVICE_CIDR_TOO_SMALL', 'clusters.c1.serviceCIDR', 'has 8 addresses; kubeadm asks for 10', 'use /28', lab({ serviceCIDR: '10.96.0.0/28' })],
    ['many services', lab({ serviceCIDR: '10.0.0.0/11' }), 'SERVICE_CIDR_TOO_LARGE', 'clusters.c1.serviceCIDR', '21 host bits', 'use /12', lab({ serviceCIDR: '10.96.0.0/12' })],
    ['many IPv6 services', lab({ podCIDR: 'fd00::/56', serviceCIDR: 'fd01::/107' }), 'SERVICE_CIDR_TOO_LARGE', 'clusters.c1.serviceCIDR', '21 host bits', 'use /108', lab({ podCIDR: 'fd00::/56', serviceCIDR: 'fd01::/108' })],
    ['few pods', lab({ podCIDR: '10.244.0.0/29', nodeMask: { ipv4: 30 } }), 'POD_CIDR_BELOW_MINIMUM', 'clusters.c1.podCIDR', 'has 8 addresses; kubeadm asks for 14', '10.244.0.0/16', lab({ podCIDR: '10.244.0.0/28', nodeMask: { ipv4: 30 } })],
    ['node larger than cluster', lab({ podCIDR: '10.244.0.0/20', nodeMask: { ipv4: 19 } }), 'NODE_MASK_TOO_SHORT', 'clusters.c1.nodeMask.ipv4', "a node's /19 is larger", 'set nodeMask: { ipv4: 28 }', lab({ podCIDR: '10.244.0.0/20', nodeMask: { ipv4: 20 } })],
    ['node far smaller than cluster', lab({ podCIDR: '10.0.0.0/8', nodeMask: { ipv4: 25 } }), 'NODE_MASK_TOO_LONG', 'clusters.c1.nodeMask.ipv4', '17 bits longer', '{ ipv4: 24 }', lab({ podCIDR: '10.0.0.0/8', nodeMask: { ipv4: 24 } })],
  ],
  'nodes-counts': [
    ['listed and counted', lab({ nodes: [{ name: 'n', role: 'control-plane' }], workers: 2 }), 'NODES_AMBIGUOUS', 'clusters.c1.nodes', 'counts them too (workers)', 'remove workers', lab({ nodes: [{ name: 'n', role: 'control-plane' }] })],
    ['no node', lab({ controlPlanes: 0, workers: 0 }), 'NO_NODES', 'clusters.c1', 'has no node', 'to 1 or more', lab({ controlPlanes: 1, workers: 0 })],
    ['empty list', lab({ nodes: [] }), 'NO_NODES', 'clusters.c1.nodes', 'has no node', 'list a node', lab()],
    ['no control plane', lab({ controlPlanes: 0 }), 'NO_CONTROL_PLANE', 'clusters.c1', 'no control plane', 'controlPlanes: 1', lab({ controlPlanes: 3 })],
    ['too many pods for a bridge', lab({ workloads: [{ name: 'w', perNode: 1024 }] }), 'BRIDGE_FULL', 'clusters.c1', 'gets 1024 pods; a Linux bridge has 1023 ports', 'calico', lab({ cni: { type: 'calico' }, workloads: [{ name: 'w', perNode: 1024 }] })],
    ['too many machines for a switch', lab({ workers: 1000 }, { hosts: Array.from({ length: 30 }, (_, i) => ({ name: `h${i}` })) }), 'BRIDGE_FULL', 'underlay', '1031 machines stand on segment lan', 'several segments', lab({ workers: 1000 })],
  ],
  'pod-cidr-capacity': [
    ['a /30 for 50 pods', lab({ podCIDR: '10.244.0.0/30', workloads: [{ name: 'w', perNode: 50 }] }), 'POD_CIDR_TOO_SMALL', 'clusters.c1.podCIDR', 'has 4 addresses and no room for a /24 per node; cluster c1 has 3 nodes with up to 50 pods each', '/22 or larger', lab({ podCIDR: '10.244.0.0/22', workloads: [{ name: 'w', perNode: 50 }] })],
    ['257 nodes in a /16', lab({ workers: 256 }), 'POD_CIDR_TOO_SMALL', 'clusters.c1', 'holds 256 nodes of /24; cluster c1 has 257 nodes', '/15 or larger', lab({ workers: 255 })],
    ['pods of a node', lab({ nodeMask: { ipv4: 28 }, podCIDR: '10.244.0.0/20', workloads: [{ name: 'w', perNode: 14 }] }), 'NODE_RANGE_FULL', 'clusters.c1.nodeMask.ipv4', 'node control-plane1 gets 14 pods, but a /28 has room for 13 beside the gateway', '{ ipv4: 27 }', lab({ nodeMask: { ipv4: 28 }, podCIDR: '10.244.0.0/20', workloads: [{ name: 'w', perNode: 13 }, { name: 'h', perNode: 1, hostNetwork: true }] })],
    ['more than a kubelet takes', lab({ workers: 1, workloads: [{ name: 'w', replicas: 111 }] }), 'PODS_PER_NODE', 'clusters.c1', 'node worker1 gets 111 pods; a kubelet takes 110', 'maxPods', lab({ workers: 2, workloads: [{ name: 'w', replicas: 220 }] })],
    ['calico blocks', lab({ cni: { type: 'calico' }, podCIDR: '10.244.0.0/25' }), 'POD_CIDR_TOO_SMALL', 'clusters.c1.podCIDR', 'holds 2 blocks of /26; cluster c1 has 3 nodes and needs 3', 'blockSize', lab({ cni: { type: 'calico', blockSize: 27 }, podCIDR: '10.244.0.0/25' })],
    ['weave ring', lab({ cni: { type: 'weave', range: '10.244.0.0/24' }, workloads: [{ name: 'w', perNode: 14 }] }), 'NODE_RANGE_FULL', 'clusters.c1.cni.range', 'divided by 16, has room for 13 pods', 'larger range', lab({ cni: { type: 'weave', range: '10.244.0.0/24' }, workloads: [{ name: 'w', perNode: 13 }] })],
    ['weave ring of crumbs', lab({ cni: { type: 'weave' }, podCIDR: '10.244.0.0/29' }), 'POD_CIDR_TOO_SMALL', 'clusters.c1.podCIDR', 'cannot be divided into 16 parts', 'larger range', lab({ cni: { type: 'weave' }, podCIDR: '10.244.0.0/24' })],
  ],
  references: [
    ['segment of a host', hosts({ name: 'h', segment: 'lam' }), 'SEGMENT_UNKNOWN', 'hosts.h.segment', 'there is no segment "lam"; known: lan', 'did you mean lan?', hosts({ name: 'h', segment: 'lan' })],
    ['segment of a node', lab({ nodes: [{ name: 'n', segment: 'x' }] }), 'SEGMENT_UNKNOWN', 'clusters.c1.nodes.n.segment', 'known: lan', 'name one of', lab({ nodes: [{ name: 'n', segment: 'lan' }] })],
    ['segment of a router', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'b' }] }] }), 'SEGMENT_UNKNOWN', 'routers.r.interfaces[0].segment', 'known: lan', 'name one', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }] }] })],
    ['router of the outside', lab({}, { outside: { router: 'r9', hosts: [] } }), 'ROUTER_UNKNOWN', 'outside.router', 'known: router', 'name one', lab({}, { outside: { router: 'router', hosts: [] } })],
    ['several routers to the outside', lab({}, { outside: { hosts: [] }, routers: [{ name: 'r1', interfaces: [{ segment: 'lan' }] }, { name: 'r2', interfaces: [{ segment: 'lan' }] }] }), 'OUTSIDE_ROUTER_AMBIGUOUS', 'outside', '2 routers (r1, r2)', 'router: r1', lab({}, { outside: { router: 'r2', hosts: [] }, routers: [{ name: 'r1', interfaces: [{ segment: 'lan' }] }, { name: 'r2', interfaces: [{ segment: 'lan' }] }] })],
    ['router twice on a segment', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }, { segment: 'lan' }] }] }), 'ROUTER_INTERFACE_TWICE', 'routers.r.interfaces[1]', 'two interfaces on segment lan', 'keep one', lab({}, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }] }] })],
    ['segment that no router joins', lab({}, { underlay: { segments: two }, routers: [{ name: 'r', interfaces: [{ segment: 'a' }] }] }), 'SEGMENT_WITHOUT_ROUTER', 'underlay.segments.b', 'no router has an interface on segment b', 'of router r', lab({}, { underlay: { segments: two }, routers: [{ name: 'r', interfaces: [{ segment: 'a' }, { segment: 'b' }] }] })],
    ['reflector', lab({ cni: { type: 'calico', encapsulation: 'none', routeReflectors: ['worker9'] } }), 'NODE_UNKNOWN', 'clusters.c1.cni.routeReflectors[0]', 'known: control-plane1, worker1, worker2', 'did you mean worker1?', lab({ cni: { type: 'calico', encapsulation: 'none', routeReflectors: ['worker1'] } })],
    ['selector', lab({ workloads: [{ name: 'w', nodeSelector: { disk: 'ssd' } }] }), 'NODE_SELECTOR_MATCHES_NOTHING', 'clusters.c1.workloads.w.nodeSelector', 'labels disk=ssd', 'label a node', lab({ workloads: [{ name: 'w', nodeSelector: { 'kubernetes.io/hostname': 'worker1' } }] })],
    ['share outside of the range', lab({ nodes: [{ name: 'n', podCIDR: '10.9.0.0/24' }] }), 'NODE_POD_CIDR_OUTSIDE', 'clusters.c1.nodes.n.podCIDR', 'not inside the pod CIDR of cluster c1 (10.244.0.0/16)', 'subnet', lab({ nodes: [{ name: 'n', podCIDR: '10.244.9.0/24' }] })],
    ['share of another size', lab({ nodes: [{ name: 'n', podCIDR: '10.244.0.0/25' }] }), 'NODE_POD_CIDR_MASK', 'clusters.c1.nodes.n.podCIDR', "every node's share is a /24", 'nodeMask: { ipv4: 25 }', lab({ nodeMask: { ipv4: 25 }, nodes: [{ name: 'n', podCIDR: '10.244.0.0/25' }] })],
    ['share twice', lab({ nodes: [{ name: 'n', podCIDR: '10.244.1.0/24' }, { name: 'm', podCIDR: '10.244.1.0/24' }] }), 'NODE_POD_CIDR_OVERLAP', 'clusters.c1.nodes.m.podCIDR', 'overlaps 10.244.1.0/24 of node n', 'range of its own', lab({ nodes: [{ name: 'n', podCIDR: '10.244.1.0/24' }, { name: 'm', podCIDR: '10.244.2.0/24' }] })],
    ['share that calico ignores', lab({ cni: { type: 'calico' }, nodes: [{ name: 'n', podCIDR: '10.244.1.0/24' }] }), 'NODE_POD_CIDR_UNUSED', 'clusters.c1.nodes.n.podCIDR', 'ignores', 'remove', lab({ cni: { type: 'calico' }, nodes: [{ name: 'n' }] })],
  ],
  'next-hop-on-link': [
    ['gateway of another network', hosts({ name: 'h', gateway: '192.168.15.5' }), 'NEXT_HOP_NOT_ON_LINK', 'hosts.h.gateway', 'it would need an interface in a network that holds 192.168.15.5, like 192.168.15.0/24', 'inside 192.168.1.0/24', hosts({ name: 'h', gateway: '192.168.1.5' })],
    ['router to another segment', lab({}, { underlay: { segments: two }, routers: [{ name: 'r', interfaces: [{ segment: 'a' }], routes: [{ to: '10.9.0.0/16', via: '10.0.2.9' }] }] }), 'NEXT_HOP_NOT_ON_LINK', 'routers.r.routes[0].via', 'it would need an interface on segment b (10.0.2.0/24)', 'next hop inside', lab({}, { underlay: { segments: two }, routers: [{ name: 'r', interfaces: [{ segment: 'a' }], routes: [{ to: '10.9.0.0/16', via: '10.0.1.9' }] }] })],
    ['itself', hosts({ name: 'h', address: '192.168.1.5', routes: [{ to: '10.0.0.0/8', via: '192.168.1.5' }] }), 'NEXT_HOP_IS_SELF', 'hosts.h.routes[0].via', "host h's own address", "neighbour's", hosts({ name: 'h', address: '192.168.1.5', routes: [{ to: '10.0.0.0/8', via: '192.168.1.6' }] })],
    ['other family', hosts({ name: 'h', routes: [{ to: '::/0', via: '192.168.1.1' }] }), 'ROUTE_FAMILY_MISMATCH', 'hosts.h.routes[0]', 'other address family', 'one family', hosts({ name: 'h', routes: [{ to: '0.0.0.0/0', via: '192.168.1.1' }] })],
  ],
  'gateway-is-network-address': [
    ['gateway', hosts({ name: 'h', gateway: '192.168.1.0' }), 'GATEWAY_IS_NETWORK_ADDRESS', 'hosts.h.gateway', 'the network address of 192.168.1.0/24', 'use 192.168.1.1', hosts({ name: 'h', gateway: '192.168.1.1' })],
    ['broadcast', hosts({ name: 'h', routes: [{ to: '10.0.0.0/8', via: '192.168.1.255' }] }), 'GATEWAY_IS_BROADCAST_ADDRESS', 'hosts.h.routes[0].via', 'the broadcast address', 'use 192.168.1.1', hosts({ name: 'h', routes: [{ to: '10.0.0.0/8', via: '192.168.1.254' }] })],
    ['IPv6, but not in a point-to-point range', { ...hosts({ name: 'h', gateway: 'fd00::' }), underlay: { cidr: 'fd00::/64' } }, 'GATEWAY_IS_NETWORK_ADDRESS', 'hosts.h.gateway', 'network address of fd00::/64', 'use fd00::1', { ...hosts({ name: 'h', gateway: '10.0.0.0' }), underlay: { cidr: '10.0.0.0/31' } }],
  ],
  'host-addresses': [
    ['elsewhere', hosts({ name: 'h', address: '192.168.2.10' }), 'ADDRESS_NOT_IN_SEGMENT', 'hosts.h.address', '192.168.2.10 of host h is not in segment lan (192.168.1.0/24)', 'use an address of', hosts({ name: 'h', address: '192.168.1.10' })],
    ['network', hosts({ name: 'h', address: '192.168.1.0' }), 'ADDRESS_IS_NETWORK', 'hosts.h.address', 'network address', '192.168.1.1', hosts({ name: 'h', address: '192.168.1.1' })],
    ['broadcast', lab({ nodes: [{ name: 'n', address: '172.30.0.255' }] }), 'ADDRESS_IS_BROADCAST', 'clusters.c1.nodes.n.address', 'broadcast address of 172.30.0.0/24', '172.30.0.1', lab({ nodes: [{ name: 'n', address: '172.30.0.254' }] })],
    ['twice', { ...hosts({ name: 'h', address: '192.168.1.9' }), clusters: [cluster({ nodes: [{ name: 'n', address: '192.168.1.9' }] })] }, 'ADDRESS_DUPLICATE', 'hosts.h.address', 'the address of node c1/n and of host h', 'of its own', { ...hosts({ name: 'h', address: '192.168.1.8' }), clusters: [cluster({ nodes: [{ name: 'n', address: '192.168.1.9' }] })] }],
    ['two of a family', hosts({ name: 'h', address: ['192.168.1.8', '192.168.1.9'] }), 'ADDRESS_FAMILY_TWICE', 'hosts.h.address[1]', 'two addresses of one family', 'keep one', { ...hosts({ name: 'h', address: ['192.168.1.8', 'fd00::8'] }), underlay: { cidr: ['192.168.1.0/24', 'fd00::/64'] } }],
    ['full', { ...hosts({ name: 'a' }, { name: 'b' }), underlay: { cidr: '192.168.1.0/30' } }, 'SEGMENT_FULL', 'underlay', 'has 1 free address for 2 machines', 'larger range', { ...hosts({ name: 'a' }, { name: 'b', address: '192.168.1.1' }), underlay: { cidr: '192.168.1.0/30' } }],
  ],
  mtu: [
    ['tiny', lab({}, { underlay: { mtu: 500 } }), 'MTU_OUT_OF_RANGE', 'underlay.mtu', 'MTU 500 of segment lan is outside of 576 to 65535', '1500', lab({}, { underlay: { mtu: 9000 } })],
    ['IPv6', lab({ podCIDR: 'fd00::/56' }, { underlay: { segments: [{ name: 'a', cidr: 'fd01::/64', mtu: 1279 }] } }), 'MTU_TOO_SMALL_FOR_IPV6', 'underlay.segments.a.mtu', 'below 1280', '1280 or more', lab({ cni: { type: 'bridge' }, podCIDR: 'fd00::/56' }, { underlay: { segments: [{ name: 'a', cidr: 'fd01::/64', mtu: 1280 }] } })],
    ['IPv6 pods behind an overhead', lab({ podCIDR: 'fd00::/56' }, { underlay: { mtu: 1340 } }), 'MTU_TOO_SMALL_FOR_IPV6', 'underlay.mtu', "MTU 1270 of the pods of cluster c1 is below 1280, the least that IPv6 works with (the segment's 1340 less 70)", '1280', lab({ podCIDR: 'fd00::/56' }, { underlay: { mtu: 1350 } })],
    ['flannel outer', lab({ cni: { type: 'flannel', mtu: 1600 } }), 'MTU_TOO_LARGE', 'clusters.c1.cni.mtu', 'segment lan has 1500; at most 1500 fits', 'cni.mtu: 1500', lab({ cni: { type: 'flannel', mtu: 1500 } })],
    ['calico vxlan', lab({ cni: { type: 'calico', mtu: 1451 } }), 'MTU_TOO_LARGE', 'clusters.c1.cni.mtu', 'segment lan has 1500 and calico adds 50; at most 1450 fits', 'cni.mtu: 1450', lab({ cni: { type: 'calico', mtu: 1450 } })],
    ['calico ipip', lab({ cni: { type: 'calico', encapsulation: 'ipip', mtu: 1481 } }), 'MTU_TOO_LARGE', 'clusters.c1.cni.mtu', 'adds 20; at most 1480', 'cni.mtu: 1480', lab({ cni: { type: 'calico', encapsulation: 'ipip', mtu: 1480 } })],
    ['weave default', lab({ cni: { type: 'weave' } }, { underlay: { mtu: 1400 } }), 'MTU_TOO_LARGE', 'clusters.c1.cni', "MTU 1376 (weave's default)", 'cni.mtu: 1350', lab({ cni: { type: 'weave' } }, { underlay: { mtu: 1426 } })],
    ['bridge over the narrowest segment', split({ type: 'bridge', mtu: 1500 }, { underlay: { segments: [two[0] ?? { name: '', cidr: '' }, { name: 'b', cidr: '10.0.2.0/24', mtu: 1400 }] } }), 'MTU_TOO_LARGE', 'clusters.c1.cni.mtu', 'segment b has 1400; at most 1400', 'segment b', split({ type: 'bridge', mtu: 1500 })],
  ],
  'cni-families': [
    ['IPv6 on calico', lab({ cni: { type: 'calico' }, podCIDR: 'fd00::/56' }), 'CNI_FAMILY_UNSUPPORTED', 'clusters.c1.cni.type', 'calico has no IPv6 data path here; pods of cluster c1 use fd00::/56', 'bridge, flannel, raw', lab({ podCIDR: 'fd00::/56' })],
    ['dual stack on weave', lab({ cni: { type: 'weave' }, podCIDR: ['10.244.0.0/16', 'fd00::/56'] }), 'CNI_FAMILY_UNSUPPORTED', 'clusters.c1.cni.type', 'weave has no IPv6', 'IPv4 pods only', lab({ cni: { type: 'weave' }, podCIDR: ['10.244.0.0/16'] })],
  ],
  'cni-options': [
    ['host-gw across segments', split({ type: 'flannel', backend: 'host-gw' }), 'HOST_GW_NEEDS_ONE_SEGMENT', 'clusters.c1.cni.backend', 'stand on a, b', 'vxlan with directRouting: true', split({ type: 'flannel', directRouting: true })],
    ['host-gw with tunnel options', lab({ cni: { type: 'flannel', backend: 'host-gw', directRouting: true } }), 'CNI_OPTION_UNUSED', 'clusters.c1.cni.directRouting', 'host-gw has no tunnel', 'backend: vxlan', lab({ cni: { type: 'flannel', backend: 'host-gw', directRouting: false } })],
    ['BGP across segments', split({ type: 'calico', encapsulation: 'none' }), 'BGP_NEEDS_ONE_SEGMENT', 'clusters.c1.cni.encapsulation', 'the router between them would not know the pods', 'crossSubnet', split({ type: 'calico', encapsulation: 'crossSubnet' })],
    ['reflectors without BGP', lab({ cni: { type: 'calico', routeReflectors: ['worker1'] } }), 'CNI_OPTION_UNUSED', 'clusters.c1.cni.routeReflectors', 'encapsulation none only; this is vxlan', 'encapsulation: none', lab({ cni: { type: 'calico', encapsulation: 'none', routeReflectors: ['worker1'] } })],
    ['block size', lab({ cni: { type: 'calico', blockSize: 19 } }), 'BLOCK_SIZE_INVALID', 'clusters.c1.cni.blockSize', '20 to 32', 'use 26', lab({ cni: { type: 'calico', blockSize: 20 } })],
    ['block larger than the pool', lab({ cni: { type: 'calico' }, podCIDR: '10.244.0.0/27' }), 'BLOCK_SIZE_INVALID', 'clusters.c1.cni', 'a block of /26 is larger than the pool 10.244.0.0/27', 'blockSize: 31', lab({ cni: { type: 'calico' }, podCIDR: '10.244.0.0/26' })],
    ['bridge name', lab({ cni: { type: 'bridge', bridge: 'a-very-long-bridge' } }), 'INTERFACE_NAME_INVALID', 'clusters.c1.cni.bridge', '18 bytes; the kernel allows 15', '15 characters', lab({ cni: { type: 'bridge', bridge: 'v-net-0' } })],
    ['bridge name that is taken', lab({ cni: { type: 'bridge', bridge: 'eth0' } }), 'INTERFACE_NAME_INVALID', 'clusters.c1.cni.bridge', 'every node has', 'cni0', lab({ cni: { type: 'bridge' } })],
    ['routes on a router that is not there', lab({ cni: { type: 'bridge', routesOn: 'router' } }), 'ROUTES_NEED_A_ROUTER', 'clusters.c1.cni.routesOn', 'no router has an interface on segment lan', 'segment: lan', lab({ cni: { type: 'bridge', routesOn: 'router' } }, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }] }] })],
    ['bridge across segments that no router joins', split({ type: 'bridge' }, { routers: [{ name: 'r', interfaces: [{ segment: 'a' }] }] }), 'ROUTES_NEED_A_ROUTER', 'clusters.c1.cni', 'segments a and b, and no router has an interface on both', 'encapsulates', split({ type: 'bridge' } satisfies BridgeCniSpec)],
  ],
  weave: [
    ['range elsewhere', lab({ kubernetesVersion: '1.32', cni: { type: 'weave', range: '10.50.0.0/16' } }), 'WEAVE_RANGE_OUTSIDE', 'clusters.c1.cni.range', 'not inside 10.244.0.0/16, the pod CIDR of cluster c1 by default', 'set podCIDR: 10.50.0.0/16', lab({ kubernetesVersion: '1.32', podCIDR: '10.50.0.0/16', cni: { type: 'weave', range: '10.50.0.0/16' } })],
    ['IPv6 range', lab({ kubernetesVersion: '1.32', cni: { type: 'weave', range: 'fd00::/64' } }), 'WEAVE_RANGE_OUTSIDE', 'clusters.c1.cni.range', 'weave knows IPv4 only', 'IPv4 range', lab({ kubernetesVersion: '1.32', cni: { type: 'weave', range: '10.244.128.0/17' } })],
    ['new Kubernetes', lab({ kubernetesVersion: '1.33', cni: { type: 'weave' } }), 'WEAVE_UNTESTED_VERSION', 'clusters.c1.cni.type', 'this is 1.33', 'flannel or calico', lab({ kubernetesVersion: '1.32.9', cni: { type: 'weave' } })],
  ],
  'raw-conflist': [
    ['one plugin', raw({ cniVersion: '0.4.0', name: 'mynet', type: 'bridge' }), 'CONFLIST_IS_ONE_PLUGIN', 'clusters.c1.cni.conflist', 'one plugin ("bridge"), not a list', 'wrap it', raw(list({ type: 'bridge' }))],
    ['no name', raw({ cniVersion: '1.0.0', plugins: [{ type: 'loopback' }] }), 'CONFLIST_NAME_MISSING', 'clusters.c1.cni.conflist.name', 'has no name', '"name"', raw(list({ type: 'loopback' }))],
    ['a path as a name', raw({ ...list({ type: 'ptp' }), name: '../x' }), 'CONFLIST_NAME_INVALID', 'clusters.c1.cni.conflist.name', '"../x" cannot be used', 'mynet', raw({ ...list({ type: 'ptp' }), name: 'my.net_1' })],
    ['no version', raw({ name: 'mynet', plugins: [{ type: 'ptp' }] }), 'CNI_VERSION_MISSING', 'clusters.c1.cni.conflist.cniVersion', 'means 0.1.0', '"1.0.0"', raw({ ...list({ type: 'ptp' }), cniVersion: '1.1.0' })],
    ['version without CHECK', raw({ ...list({ type: 'ptp' }), cniVersion: '0.2.0' }), 'CNI_VERSION_UNSUPPORTED', 'clusters.c1.cni.conflist.cniVersion', 'before 0.4.0 there is no CHECK', '"1.0.0"', raw({ ...list({ type: 'ptp' }), cniVersion: '0.4.0' })],
    ['no plugins', raw({ cniVersion: '1.0.0', name: 'mynet', plugins: [] }), 'CONFLIST_PLUGINS_MISSING', 'clusters.c1.cni.conflist.plugins', 'no plugins', 'plugins', raw(list({ type: 'ptp' }))],
    ['no type', raw(list({ bridge: 'cni0' })), 'CONFLIST_PLUGIN_TYPE', 'clusters.c1.cni.conflist.plugins[0].type', 'plugin 1 of the CNI list has no type', 'file name', raw(list({ type: 'my-plugin' }))],
    ['a path as a type', raw(list({ type: '../../bin/sh' })), 'CONFLIST_PLUGIN_TYPE', 'clusters.c1.cni.conflist.plugins[0].type', 'not a plain file name', 'pluginDirs', raw(list({ type: 'net-script.sh' }))],
    ['a plugin that is no mapping', raw(list('bridge')), 'CONFLIST_PLUGIN_TYPE', 'clusters.c1.cni.conflist.plugins[0]', 'not a mapping', 'type', raw(list({ type: 'bridge' }))],
    ['ipMasq', raw(list({ type: 'bridge', ipMasq: true })), 'IPMASQ_ON_MANY_NODES', 'clusters.c1.cni.conflist.plugins[0].ipMasq', "a peer would see the address of the sender's node (control-plane1)", '"ipMasq": false', raw(list({ type: 'bridge', ipMasq: true }), oneNode)],
    ['two default routes', raw(list(hostLocal({ subnet: '${podCIDR}', routes: [{ dst: '0.0.0.0/0' }] }, { isDefaultGateway: true }))), 'DEFAULT_ROUTE_TWICE', 'clusters.c1.cni.conflist.plugins[0].isDefaultGateway', 'fails on every ADD', '"isGateway": true', raw(list(hostLocal({ subnet: '${podCIDR}', routes: [{ dst: '0.0.0.0/0' }] }, { isGateway: true })))],
    ['one subnet on many nodes', raw(list(hostLocal({ subnet: '10.244.0.0/16' }))), 'STATIC_SUBNET_ON_MANY_NODES', 'clusters.c1.cni.conflist.plugins[0].ipam.subnet', 'nodes control-plane1 and worker1 would both hand out 10.244.0.2', '${podCIDR}', raw(list(hostLocal({ subnet: '10.244.0.0/16' })), oneNode)],
    ['one subnet in ranges', raw(list(hostLocal({ ranges: [[{ subnet: '10.244.0.0/16', rangeStart: '10.244.0.20' }]] }))), 'STATIC_SUBNET_ON_MANY_NODES', 'clusters.c1.cni.conflist.plugins[0].ipam.ranges[0][0].subnet', 'hand out 10.244.0.20', '${podCIDR}', raw(list(hostLocal({ ranges: [[{ subnet: '${podCIDR}' }]] })))],
    ['gateway on the network address', raw(list(hostLocal({ subnet: '10.244.1.0/24', gateway: '10.244.1.0' })), oneNode), 'GATEWAY_IS_NETWORK_ADDRESS', 'clusters.c1.cni.conflist.plugins[0].ipam.gateway', 'network address of 10.244.1.0/24', 'use 10.244.1.1', raw(list(hostLocal({ subnet: '10.244.1.0/24', gateway: '10.244.1.1' })), oneNode)],
    ['subnet with host bits', raw(list(hostLocal({ subnet: '10.244.1.1/24' })), oneNode), 'CIDR_HOST_BITS', 'clusters.c1.cni.conflist.plugins[0].ipam.subnet', '10.244.1.0/24', '${podCIDR}', raw(list(hostLocal({ subnet: '10.244.1.0/24' })), oneNode)],
    ['variable', raw(list({ type: 'x', a: [{ b: '${podCidr}' }] })), 'CONFLIST_VARIABLE_UNKNOWN', 'clusters.c1.cni.conflist.plugins[0].a[0].b', 'nothing fills in ${podCidr}', 'did you mean ${podCIDR}?', raw(list({ type: 'x', a: [{ b: '${gateway6} ${mtu}' }] }))],
    ['bridge name', raw(list({ type: 'bridge', bridge: 'a/b' })), 'INTERFACE_NAME_INVALID', 'clusters.c1.cni.conflist.plugins[0].bridge', '"/"', 'cni0', raw(list({ type: 'bridge', bridge: 'v-net-0' }))],
    ['hairpin and promiscuous', raw(list({ type: 'bridge', hairpinMode: true, promiscMode: true })), 'HAIRPIN_AND_PROMISC', 'clusters.c1.cni.conflist.plugins[0].promiscMode', 'exclude each other', 'hairpinMode', raw(list({ type: 'bridge', hairpinMode: true }))],
  ],
  'kubernetes-version': [
    ['with a v', lab({ kubernetesVersion: 'v1.37' }), 'KUBERNETES_VERSION_INVALID', 'clusters.c1.kubernetesVersion', '"v1.37" is not', 'without the v: 1.37', lab({ kubernetesVersion: '1.37' })],
    ['a word', lab({ kubernetesVersion: 'latest' }), 'KUBERNETES_VERSION_INVALID', 'clusters.c1.kubernetesVersion', '"latest"', 'like 1.37', lab({ kubernetesVersion: '1.36.4' })],
    ['too new', lab({ kubernetesVersion: '1.38' }), 'KUBERNETES_VERSION_UNKNOWN', 'clusters.c1.kubernetesVersion', 'newer than 1.37', 'use 1.37', lab({ kubernetesVersion: '1.37.9' })],
  ],
  'kube-proxy': [
    ['ipvs deprecated', lab({ kubernetesVersion: '1.35', kubeProxy: { mode: 'ipvs' } }), 'IPVS_DEPRECATED', 'clusters.c1.kubeProxy.mode', 'deprecated since Kubernetes 1.35', 'nftables', lab({ kubernetesVersion: '1.34', kubeProxy: { mode: 'ipvs', scheduler: 'lc' } })],
    ['ipvs off', lab({ kubernetesVersion: '1.40', kubeProxy: { mode: 'ipvs' } }), 'IPVS_REMOVED', 'clusters.c1.kubeProxy.mode', 'off by default', 'nftables', lab({ kubernetesVersion: '1.40', kubeProxy: { mode: 'nftables' } })],
    ['ipvs gone', lab({ kubernetesVersion: '1.43', kubeProxy: { mode: 'ipvs' } }), 'IPVS_REMOVED', 'clusters.c1.kubeProxy.mode', 'gone', 'nftables', lab({ kubernetesVersion: '1.43' })],
    ['nftables too early', lab({ kubernetesVersion: '1.28', kubeProxy: { mode: 'nftables' } }), 'NFTABLES_TOO_EARLY', 'clusters.c1.kubeProxy.mode', 'came with Kubernetes 1.29', '1.31', lab({ kubernetesVersion: '1.28', kubeProxy: { mode: 'iptables' } })],
    ['nftables alpha', lab({ kubernetesVersion: '1.30.2', kubeProxy: { mode: 'nftables' } }), 'NFTABLES_ALPHA', 'clusters.c1.kubeProxy.mode', 'alpha in Kubernetes 1.30.2', 'gate', lab({ kubernetesVersion: '1.31', kubeProxy: { mode: 'nftables' } })],
    ['scheduler without ipvs', lab({ kubeProxy: { scheduler: 'rr' } }), 'SCHEDULER_UNUSED', 'clusters.c1.kubeProxy.scheduler', 'belongs to mode ipvs; this is iptables', 'remove', lab({ kubeProxy: {} })],
    ['weave with nftables', lab({ cni: { type: 'weave' }, kubeProxy: { mode: 'nftables' } }), 'PROXY_MODE_UNSUPPORTED', 'clusters.c1.kubeProxy.mode', 'works with iptables, none', 'bridge, flannel, calico, raw', lab({ cni: { type: 'weave' } })],
    ['calico with early nftables', lab({ cni: { type: 'calico' }, kubernetesVersion: '1.28', kubeProxy: { mode: 'nftables' } }), 'NFTABLES_TOO_EARLY', 'clusters.c1.kubeProxy.mode', '1.29', 'iptables', lab({ cni: { type: 'calico' }, kubernetesVersion: '1.31', kubeProxy: { mode: 'nftables' } })],
  ],
  'policy-support': [
    ['flannel ignores them', lab({ objects: [policy()] }), 'POLICY_IGNORED', 'clusters.c1.objects.db-policy', 'default/db-policy has no effect', 'calico, weave', lab({ cni: { type: 'calico' }, objects: [policy()] })],
    ['ipBlock without a CIDR', lab({ cni: { type: 'calico' }, objects: [policy({ ingress: [{ from: [{ ipBlock: { cidr: '' } }] }] })] }), 'POLICY_IP_BLOCK', 'clusters.c1.objects.db-policy.spec.ingress[0].from[0].ipBlock.cidr', 'no prefix length', '192.168.5.10/32', lab({ cni: { type: 'calico' }, objects: [policy({ ingress: [{ from: [{ ipBlock: { cidr: '192.168.5.10/32' } }] }] })] })],
  ],
  objects: [
    ['twice', lab({ objects: [object('Pod', 'p'), object('Pod', 'p')] }), 'OBJECT_DUPLICATE', 'clusters.c1.objects.p', 'has Pod default/p twice', 'rename', lab({ objects: [object('Pod', 'p'), object('Pod', 'q'), object('Namespace', 'p')] })],
    ['workload and object', lab({ workloads: [{ name: 'web', replicas: 1 }], objects: [object('Deployment', 'web', {}, 'apps/v1')] }), 'OBJECT_DUPLICATE', 'clusters.c1.objects.web', 'has apps/Deployment default/web twice', 'rename', lab({ workloads: [{ name: 'web', replicas: 1 }], objects: [object('DaemonSet', 'web', {}, 'apps/v1')] })],
    ['numbered workloads', lab({ workloads: [{ name: 'web', perNode: 2 }, { name: 'web-2', perNode: 1 }] }), 'OBJECT_DUPLICATE', 'clusters.c1.workloads.web-2', 'apps/DaemonSet default/web-2 twice', 'rename', lab({ workloads: [{ name: 'web', perNode: 2 }, { name: 'web-3', perNode: 1 }] })],
    ['two makers of one pod', lab({ workloads: [{ name: 'web' }], objects: [object('Pod', 'web-worker1')] }), 'POD_DUPLICATE', 'clusters.c1', 'both make a pod default/web-worker1', 'rename', lab({ workloads: [{ name: 'web' }], objects: [object('Pod', 'web-worker9')] })],
    ['unknown node', lab({ objects: [object('Pod', 'p', { nodeName: 'worker9' })] }), 'NODE_UNKNOWN', 'clusters.c1.objects.p.spec.nodeName', 'asks for node "worker9"; cluster c1 has control-plane1, worker1, worker2', 'leave nodeName out', lab({ objects: [object('Pod', 'p', { nodeName: 'worker1' })] })],
    ['unknown node in a template', lab({ objects: [object('Deployment', 'd', { template: { spec: { nodeName: 'x' } } }, 'apps/v1')] }), 'NODE_UNKNOWN', 'clusters.c1.objects.d.spec.template.spec.nodeName', 'node "x"', 'name one', lab({ objects: [object('Deployment', 'd', { template: { spec: {} } }, 'apps/v1')] })],
    ['replicas', lab({ objects: [object('Deployment', 'd', { replicas: '3' }, 'apps/v1')] }), 'REPLICAS_INVALID', 'clusters.c1.objects.d.spec.replicas', 'is "3"', 'whole number', lab({ objects: [object('Deployment', 'd', { replicas: 0 }, 'apps/v1')] })],
    ['far too many pods', lab({ objects: [object('Deployment', 'd', { replicas: 1e9 }, 'apps/v1')] }), 'TOO_MANY_PODS', 'clusters.c1', 'asks for 1000000000 pods; a lab holds 10000', 'lower', lab({ objects: [object('Deployment', 'd', { replicas: 100 }, 'apps/v1')] })],
    ['kind without effect', lab({ objects: [object('ConfigMap', 'm')] }), 'OBJECT_NOT_ACTED_ON', 'clusters.c1.objects.m', 'nothing in the lab acts on kind ConfigMap (m)', 'Pod, Deployment', lab({ objects: [object('Namespace', 'm')] })],
  ],
  'host-ports': [
    ['two pods of a node', lab({ workloads: [{ name: 'w', perNode: 2, ports: [{ containerPort: 80, hostPort: 8080 }] }] }), 'HOST_PORT_CONFLICT', 'clusters.c1', 'host port 8080/TCP of node control-plane1 is asked for by pods w-1-control-plane1 and w-2-control-plane1', 'one pod per node', lab({ workloads: [{ name: 'w', perNode: 1, ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 80, hostPort: 8080, protocol: 'UDP' }] }] })],
  ],
};

const shown = (findings: readonly Diagnostic[], spec: LabSpec): readonly string[] => findings.map((d) => `${d.code} ${formatPath(d.path, spec)}`);

describe.each(Object.entries(ROWS) as [RuleName, readonly Row[]][])('%s', (rule, rows) => {
  it.each(rows)('tells: %s', (_title, bad, code, place, message, hint) => {
    expect(parseLabSpec(bad).ok, 'a rule sees labs of the right shape only').toBe(true);
    const findings = rules[rule](bad);
    expect(shown(findings, bad)).toContain(`${code} ${place}`);
    const found = findings.find((d) => d.code === code && formatPath(d.path, bad) === place);
    expect(found?.message).toContain(message);
    expect(found?.hint).toContain(hint);
  });

  it.each(rows)('is silent on the right form: %s', (...row) => {
    const good = row[6];
    expect(parseLabSpec(good).ok).toBe(true);
    expect(rules[rule](good)).toEqual([]);
  });
});

describe('ClusterIPs', () => {
  it('must lie in the service range', () => {
    const service = (clusterIP: string): KubernetesObject => object('Service', 'web-service', { clusterIP });
    const codes = (clusterIP: string, serviceCIDR?: string): readonly string[] => rules.objects(lab({ objects: [service(clusterIP)], ...(serviceCIDR === undefined ? {} : { serviceCIDR }) })).filter((d) => d.severity === 'error').map((d) => `${d.code}: ${d.hint}`);
    expect(codes('10.107.37.188')).toEqual(['CLUSTER_IP_OUTSIDE: set serviceCIDR: 10.96.0.0/12']);
    expect(codes('10.107.37.188', '10.96.0.0/12')).toEqual([]);
    expect(codes('None')).toEqual([]);
    expect(codes('x')[0]).toContain('CLUSTER_IP_INVALID');
  });
});
