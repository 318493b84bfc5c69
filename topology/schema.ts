/** The one edge at which a lab's shape is checked: zod here, and nowhere else. Meaning is checked by the rules. */
import { z } from 'zod';
import type { Diagnostic } from './diagnostic.ts';
import { dockerSchema } from './docker/schema.ts';
import { lessonSchema } from './lesson/schema.ts';
import { diagnosticOfIssue } from './schema-diagnostics.ts';
import { optional, port, strict } from './schema-fields.ts';
import type {
  BridgeCniSpec,
  CalicoCniSpec,
  ClusterSpec,
  CniSpec,
  FlannelCniSpec,
  HostSpec,
  KindnetCniSpec,
  KubernetesObject,
  LabSpec,
  NetworkSpec,
  NodeSpec,
  OutsideSpec,
  RawCniSpec,
  ResolverSpec,
  RouterSpec,
  SegmentSpec,
  UnderlaySpec,
  WeaveCniSpec,
  WorkloadSpec,
  ZoneSpec,
} from './spec.ts';

const name = (description: string): z.ZodString => z.string().meta({ description });
const strings = z.record(z.string(), z.string());
/** Bounds that keep a lab file from strangers from asking for more than any machine holds. */
const nodeCount = z.int().min(0).max(1000);
const podCount = z.int().min(0).max(10_000);
const mtu = z.int();
const cidr = z
  .union([z.string(), z.array(z.string()).min(1)])
  .meta({ id: 'Cidr', description: 'One CIDR, or one per family for dual stack; the first is the primary family.' });
const addresses = z
  .union([z.string(), z.array(z.string()).min(1)])
  .meta({ id: 'Addresses', description: 'One address, or one per family, without prefix length.' });

const nodeMask = strict({
  ipv4: optional(z.int().min(1).max(32), 'IPv4.', { default: 24 }),
  ipv6: optional(z.int().min(1).max(128), 'IPv6.', { default: 64 }),
});

const segment: z.ZodType<SegmentSpec> = strict({
  name: name('Name of the segment (an L2 network, a switch): an RFC 1123 label.'),
  cidr,
  mtu: optional(mtu, "Bytes. Default: the underlay's MTU."),
}).meta({ id: 'Segment' });

const underlay: z.ZodType<UnderlaySpec> = strict({
  cidr: optional(cidr, 'Short form for one segment named lan. Refused together with segments.'),
  mtu: optional(mtu, 'Bytes.', { default: 1500 }),
  segments: optional(z.array(segment).min(1), 'Several L2 segments; more than one needs a router (one named router is planned when none is declared).'),
}).meta({ id: 'Underlay', description: 'The network that nodes, hosts and routers stand on.' });

const route = strict({
  to: z.string().meta({ description: 'Destination CIDR.', examples: ['192.168.2.0/24', '0.0.0.0/0'] }),
  via: z.string().meta({ description: 'Address of the next hop; must be on-link.' }),
}).meta({ id: 'Route' });
const role = z.enum(['host', 'client', 'load-balancer', 'resolver']);

const resolver: z.ZodType<ResolverSpec> = strict({
  nameservers: optional(z.array(z.string()), 'Addresses in /etc/resolv.conf. Default: the hosts with role resolver.'),
  search: optional(z.array(z.string()), 'Search list: domains that are appended one after the other.'),
  ndots: optional(z.int().min(0).max(15), 'A name with fewer dots is tried with the search list first.', { default: 1 }),
  hosts: optional(z.record(z.string(), addresses), 'Names in /etc/hosts, with their addresses.'),
  order: optional(z.array(z.enum(['files', 'dns'])).min(1), 'The line hosts of /etc/nsswitch.conf. Default: files, then dns.'),
}).meta({ id: 'Resolver', description: 'What the C library of a host looks names up by.' });

const zone: z.ZodType<ZoneSpec> = strict({
  name: z.string().meta({ description: 'Name of the zone.', examples: ['mycompany.com', '1.168.192.in-addr.arpa'] }),
  records: z.array(
    strict({
      name: z.string().meta({ description: 'Below the zone; @: the zone itself; with a dot at its end: as it is.' }),
      type: z.enum(['A', 'AAAA', 'CNAME', 'PTR', 'TXT']),
      data: z.string().meta({ description: 'An address, a name as above, or a text.' }),
    }),
  ),
}).meta({ id: 'Zone', description: 'Records that a DNS server answers from.' });

const host: z.ZodType<HostSpec> = strict({
  name: name('Name of the host: an RFC 1123 label.'),
  segment: optional(z.string(), 'Segment it stands on, or none: a bare network namespace, to be wired by hand. Default: the first.'),
  address: optional(addresses, 'Fixed address(es). Default: allocated.'),
  gateway: optional(z.string(), "Next hop of the default route, or none. Default: the segment's router, if there is one.", {
    examples: ['192.168.1.1', 'none'],
  }),
  routes: optional(z.array(route), 'Static routes.'),
  role: optional(role, 'What it plays.', { default: 'host' }),
  docker: optional(dockerSchema, 'Containers on it, attached as Docker does it (engine netns).'),
  resolver: optional(resolver, 'How its programs look names up (engine netns). Default: the hosts with role resolver.'),
  zones: optional(z.array(zone), 'Zones that a DNS server on it answers from (engine netns).'),
  forwarders: optional(z.array(z.string()), 'Addresses of the DNS servers that its own asks about all other names.'),
}).meta({ id: 'Host', description: 'A machine that belongs to no cluster.' });

const router: z.ZodType<RouterSpec> = strict({
  name: name('Name of the router: an RFC 1123 label.'),
  interfaces: z.array(strict({ segment: z.string(), address: optional(addresses, "Default: the segment's first usable address.") })).min(1),
  routes: optional(z.array(route), 'Static routes.'),
  forwarding: optional(z.boolean(), 'Does it forward packets?', { default: true }),
}).meta({ id: 'Router' });

const outside: z.ZodType<OutsideSpec> = strict({
  cidr: optional(cidr, 'Default: 203.0.113.0/24 (TEST-NET-3) and 2001:db8:113::/64 (documentation).'),
  router: optional(z.string(), 'Router that leads to the outside. Default: the only one.'),
  hosts: z.array(
    strict({
      name: name('Name of the host: an RFC 1123 label.'),
      role: optional(role, 'What it plays.', { default: 'client' }),
      address: optional(addresses, 'Fixed address(es). Default: allocated.'),
    }),
  ),
}).meta({ id: 'Outside', description: "The world beyond the lab's routers, played inside the lab." });

const object: z.ZodType<KubernetesObject> = z
  .looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.looseObject({
      name: z.string(),
      namespace: z.exactOptional(z.string()),
      labels: z.exactOptional(strings),
      annotations: z.exactOptional(strings),
    }),
  })
  .meta({ id: 'KubernetesObject', description: 'A Kubernetes object, as kubectl apply takes it.' });

const workload: z.ZodType<WorkloadSpec> = strict({
  name: name('Name of the workload: an RFC 1123 label.'),
  namespace: optional(z.string(), 'Kubernetes namespace.', { default: 'default' }),
  perNode: optional(podCount, 'That many pods on every (selected) node, control planes included.'),
  replicas: optional(podCount, 'That many pods, spread over the (selected) worker nodes.'),
  labels: optional(strings, 'Labels of the pods.'),
  ports: optional(
    z.array(
      strict({
        containerPort: port,
        protocol: optional(z.enum(['TCP', 'UDP']), 'Transport.', { default: 'TCP' }),
        name: optional(z.string(), 'Name of the port.'),
        hostPort: optional(port, "Port of the node that leads to the pod (the portmap plugin's work)."),
      }),
    ),
    'Ports that the pods listen on.',
  ),
  hostNetwork: optional(z.boolean(), "The pod lives in its node's network namespace.", { default: false }),
  networks: optional(z.array(z.string()), 'Names of second networks of the cluster, for interfaces net1, net2, … in this order (engine netns).'),
  nodeSelector: optional(strings, 'Labels that a node must have.'),
}).meta({ id: 'Workload', description: 'A short form that lowers to Kubernetes objects.' });

const node: z.ZodType<NodeSpec> = strict({
  name: name('Name of the node: an RFC 1123 subdomain.'),
  role: optional(z.enum(['control-plane', 'worker']), 'Role of the node.', { default: 'worker' }),
  segment: optional(z.string(), 'Segment it stands on. Default: the first.'),
  address: optional(addresses, 'Fixed address(es). Default: allocated.'),
  podCIDR: optional(cidr, "The node's share of the cluster's pod CIDR. Default: the next free one."),
  labels: optional(strings, 'Labels of the node: topology.kubernetes.io/zone says its zone.'),
  schedulable: optional(
    z.boolean(),
    'May pods without a toleration run on it? A control plane on which they may not is tainted. Default: true for workers, and for control planes of a cluster without workers.',
  ),
  machineId: optional(z.string().regex(/^[0-9a-f]{32}$/), 'What it shows as /etc/machine-id (engine netns): 32 hex digits.'),
}).meta({ id: 'Node' });

const network: z.ZodType<NetworkSpec> = strict({
  name: name('Name of the network: an RFC 1123 label.'),
  cidr,
  nodeMask: optional(nodeMask, "Prefix length of one node's share."),
  bridge: optional(z.string(), 'Name of the Linux bridge on every node. Default: br-NAME, or br- and a hash where that is longer than 15 characters.'),
  mtu: optional(mtu, "Bytes. Default: the underlay's."),
}).meta({ id: 'Network', description: 'A second network of pods: a bridge and a range on every node, no wire between the nodes.' });

const bridgeCni = strict({
  type: z.literal('bridge'),
  bridge: optional(z.string(), 'Name of the Linux bridge on every node.', { default: 'cni0' }),
  routesOn: optional(z.enum(['nodes', 'router']), "Where the routes to the other nodes' pods live.", { default: 'nodes' }),
  mtu: optional(mtu, "Pods' MTU in bytes. Default: the underlay's."),
  masquerade: optional(z.boolean(), 'Masquerade what leaves the pod CIDR.', { default: true }),
}).meta({ id: 'BridgeCni' }) satisfies z.ZodType<BridgeCniSpec>;

const flannelCni = strict({
  type: z.literal('flannel'),
  backend: optional(z.enum(['vxlan', 'host-gw', 'udp']), 'How packets travel between nodes; udp: through a process on each, IPv4 alone.', { default: 'vxlan' }),
  vni: optional(z.int().min(1).max(0xff_ffff), 'VXLAN network identifier.', { default: 1 }),
  port: optional(port, 'UDP port of VXLAN, or of backend udp (8285).', { default: 8472 }),
  directRouting: optional(z.boolean(), 'vxlan only: bare routes between nodes of one segment.', { default: false }),
  docker: optional(z.boolean(), 'History, vxlan and IPv4 only: flannel feeds Docker, whose bridge is docker0.', { default: false }),
  version: optional(z.string(), 'Version of flannel on engines that run the real one.', { default: '0.28.9' }),
  mtu: optional(mtu, "Outer MTU in bytes; pods get it less the overhead. Default: the underlay's."),
}).meta({ id: 'FlannelCni' }) satisfies z.ZodType<FlannelCniSpec>;

const calicoCni = strict({
  type: z.literal('calico'),
  encapsulation: optional(
    z.enum(['none', 'vxlan', 'crossSubnet', 'ipip']),
    'none: BGP by BIRD; vxlan; crossSubnet: VXLAN between segments, bare routes within; ipip.',
    { default: 'vxlan' },
  ),
  blockSize: optional(z.int(), 'Prefix length of an IPAM block, 20 to 32.', { default: 26 }),
  routeReflectors: optional(z.array(z.string()), 'encapsulation none: names of the nodes that reflect routes; without it a full mesh.'),
  asNumber: optional(z.int().min(1).max(0xffff_ffff), 'BGP autonomous system.', { default: 64512 }),
  natOutgoing: optional(z.boolean(), 'Masquerade what leaves the pool.', { default: true }),
  version: optional(z.string(), 'Version of Calico on engines that run the real one.', { default: '3.32.1' }),
  mtu: optional(mtu, "Pods' MTU in bytes. Default: the underlay's less the overhead."),
}).meta({ id: 'CalicoCni' }) satisfies z.ZodType<CalicoCniSpec>;

const weaveCni = strict({
  type: z.literal('weave'),
  range: optional(z.string(), 'IPALLOC_RANGE, inside the pod CIDR. Default: the pod CIDR.'),
  mode: optional(
    z.enum(['fastdp', 'sleeve']),
    'How packets pass between nodes: by Open vSwitch in the kernel, or through its router in user space (engines that run the real Weave Net).',
    { default: 'fastdp' },
  ),
  mtu: optional(mtu, "Pods' MTU in bytes.", { default: 1376 }),
  password: optional(z.string().min(9), 'Encrypts what passes between nodes, on engines that run the real Weave Net. Default: no encryption.'),
  version: optional(z.string(), 'Version of Weave Net on engines that run the real one.', { default: '2.9.0' }),
}).meta({ id: 'WeaveCni' }) satisfies z.ZodType<WeaveCniSpec>;

const kindnetCni = strict({
  type: z.literal('kindnet'),
  mtu: optional(mtu, "Pods' MTU in bytes. Default: the underlay's."),
}).meta({ id: 'KindnetCni' }) satisfies z.ZodType<KindnetCniSpec>;

const rawCni = strict({
  type: z.literal('raw'),
  conflist: z
    .record(z.string(), z.unknown())
    .meta({ description: 'A CNI network configuration list; ${podCIDR}, ${podCIDR6}, ${gateway}, ${gateway6}, ${node} and ${mtu} are filled in per node.' }),
  pluginDirs: optional(z.array(z.string()), 'Folders searched for plugins before CNI_PATH, relative to the lab file. Refused in YAML labs.'),
  routesOn: optional(z.enum(['nodes', 'none']), 'nodes: the engine adds the routes between nodes.', { default: 'nodes' }),
  mtu: optional(mtu, "Pods' MTU in bytes. Default: the underlay's."),
}).meta({ id: 'RawCni' }) satisfies z.ZodType<RawCniSpec>;

const cni: z.ZodType<CniSpec> = z.discriminatedUnion('type', [bridgeCni, flannelCni, calicoCni, weaveCni, kindnetCni, rawCni]);

const cluster: z.ZodType<ClusterSpec> = strict({
  name: name('Name of the cluster: an RFC 1123 label of at most 20 characters.'),
  kubernetesVersion: optional(z.string(), 'major.minor or major.minor.patch, in quotes in YAML.', { default: '1.37' }),
  controlPlanes: optional(nodeCount, 'Number of nodes named control-plane1, control-plane2, …', { default: 1 }),
  workers: optional(nodeCount, 'Number of nodes named worker1, worker2, …', { default: 2 }),
  nodes: optional(z.array(node), 'The nodes one by one. Refused together with controlPlanes or workers.'),
  podCIDR: optional(cidr, 'Default: 10.244.0.0/16 for the first cluster, 10.245.0.0/16 for the second, …'),
  serviceCIDR: optional(cidr, 'Default: 10.96.0.0/16 for the first cluster, 10.97.0.0/16 for the second, …'),
  nodeMask: optional(nodeMask, "Prefix length of one node's share of the pod CIDR."),
  cni,
  kubeProxy: optional(
    strict({
      mode: optional(z.enum(['iptables', 'nftables', 'ipvs', 'userspace', 'none']), 'How Services are made; userspace ended with Kubernetes 1.25.', {
        default: 'iptables',
      }),
      scheduler: optional(z.enum(['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'mh']), 'ipvs only.', { default: 'rr' }),
    }),
    'kube-proxy.',
  ),
  dnsDomain: optional(z.string(), 'DNS domain of the cluster.', { default: 'cluster.local' }),
  dns: optional(
    z.union([z.boolean(), z.strictObject({ replicas: z.int().min(1).max(10) })]),
    'Has the cluster a DNS server behind its DNS Service, or `replicas` of them (engine netns)? Default: true exactly when there are Services among its objects.',
  ),
  nodeImage: optional(
    z.string().min(1),
    'kind: image of the nodes. Default: the one that kind 0.33 lists for the Kubernetes version. vm: folder of a prepared disk (absolute), or URL@sha256:HEX (sha512 too) of a cloud image.',
    { examples: ['kindest/node:v1.34.4'] },
  ),
  portMappings: optional(
    z.array(
      strict({
        node: optional(z.string(), 'Name of the node. Default: the first control plane.'),
        containerPort: port,
        hostPort: z.int().min(0).max(65_535).meta({ description: 'Port of this machine; 0: a free one is chosen.' }),
        listenAddress: optional(z.string(), 'Address of this machine.', { default: '127.0.0.1' }),
        protocol: optional(z.enum(['TCP', 'UDP']), 'Transport.', { default: 'TCP' }),
      }),
    ),
    'kind, vm: ports of this machine that lead to a node.',
  ),
  networks: optional(z.array(network), 'Second networks, which pods may ask for (engine netns).'),
  workloads: optional(z.array(workload), 'Pods in short form.'),
  objects: optional(z.array(object), 'Kubernetes objects, as they are.'),
}).meta({ id: 'Cluster' });

/** The shape of a lab: every field of {@link LabSpec}, nothing else. */
export const labSchema: z.ZodType<LabSpec> = strict({
  $schema: optional(z.string(), 'Address of this JSON Schema, for editors. Ignored.'),
  name: name('Name under which the lab is brought up: an RFC 1123 label of at most 40 characters.'),
  description: optional(z.string(), 'What the lab shows.'),
  underlay: optional(underlay, 'Default: one segment lan, 172.30.0.0/24 (fd00:30::/64), MTU 1500.'),
  clusters: optional(z.array(cluster), 'Kubernetes clusters.'),
  hosts: optional(z.array(host), 'Machines that belong to no cluster.'),
  routers: optional(z.array(router), 'Routers between segments.'),
  outside: optional(outside, "The world beyond the lab's routers."),
  images: optional(strings, 'Images to use instead of the default ones, by repository.', {
    examples: [{ 'ghcr.io/flannel-io/flannel': 'ghcr.io/flannel-io/flannel:v0.28.4' }],
  }),
  lesson: optional(lessonSchema, 'What the lab teaches: what to look at, to check, to break and to mend.'),
});

/** Checks the shape of a lab. All problems at once; on success the spec holds plain data only. */
export function parseLabSpec(
  input: unknown,
): { readonly ok: true; readonly spec: LabSpec } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] } {
  const result = labSchema.safeParse(input);
  if (!result.success) return { ok: false, diagnostics: result.error.issues.flatMap((issue) => diagnosticOfIssue(issue, input)) };
  const { $schema: _ignored, ...spec } = result.data as LabSpec & { readonly $schema?: string };
  return { ok: true, spec };
}

/** The JSON Schema (draft 2020-12) of a lab, for editors and the reference: the same object in every run. */
export function labJsonSchema(): object {
  const schema = z.toJSONSchema(labSchema, { target: 'draft-2020-12', io: 'input' });
  return { $schema: schema.$schema, title: 'cnilab lab', description: 'A Kubernetes network lab.', ...schema };
}
