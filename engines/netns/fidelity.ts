/** What a lab on this engine is made of, and what it cannot show. Said with every report. */
import { traitsOf } from '../../topology/cni/index.ts';
import { controllerPods } from '../../topology/ingress/controller.ts';
import type { ClusterPlan, CniName, CniPlan, LabPlan } from '../../topology/plan.ts';
import type { ProxyMode } from '../../topology/spec.ts';
import type { FidelityStatement } from '../port.ts';
import { dnsPods } from './dns/compile.ts';

interface CniFidelity {
  readonly real: (cluster: ClusterPlan) => readonly string[];
  readonly sameMechanism: (cluster: ClusterPlan) => readonly string[];
  readonly absent: (cluster: ClusterPlan) => readonly string[];
}

const PLUGINS = 'the containernetworking plugins bridge, host-local, loopback and portmap, called by the CNI protocol';

const FLANNEL = {
  vxlan: 'flannel: the VXLAN device, neighbours, FDB entries and on-link routes that flanneld writes',
  'host-gw': 'flannel: the host-gw routes that flanneld writes',
  udp: "flannel, history (kept for debugging): the TUN device and its route, and in every node a process of cnilab's own in the place of flanneld, which carries each packet as one datagram",
  docker:
    'flannel, history (before there was CNI, until about 2016): flannel.VNI with the whole network, docker0 with the address of --bip; neighbour entries that flanneld made when asked are there from the start, and the bridge plugin attaches what Docker would',
} as const;

const CNIS: Readonly<Record<CniName, CniFidelity>> = {
  bridge: {
    real: () => [PLUGINS],
    sameMechanism: () => ['bridge: routes between nodes and the masquerade rule, as an administrator would write them'],
    absent: () => [],
  },
  flannel: {
    real: () => [`${PLUGINS}, with the configuration that flannel's own plugin would delegate`],
    sameMechanism: ({ cni }) => [
      is(cni, 'flannel') ? FLANNEL[cni.docker === true ? 'docker' : cni.backend] : '',
      "flannel: subnet.env, chains FLANNEL-POSTRTG and FLANNEL-FWD in flanneld's shape",
    ],
    absent: ({ cni }) => [
      "flanneld and flannel's CNI plugin: nobody watches the API, rewrites rules every 5 s or repairs what is changed by hand",
      ...(is(cni, 'flannel') && (cni.backend === 'host-gw' || cni.directRouting)
        ? ['flannel: --random-fully on the rule for node-to-pod traffic, by which flanneld gives connections over bare routes another source port']
        : []),
    ],
  },
  calico: {
    real: ({ cni }) => (is(cni, 'calico') && cni.encapsulation === 'none' ? ['BIRD 2, speaking BGP between the nodes'] : []),
    sameMechanism: ({ cni }) => [
      "calico: host routes to pods, proxy ARP for 169.254.1.1, blackhole routes for blocks, nat-outgoing by Felix' chain names",
      ...(is(cni, 'calico') && cni.encapsulation !== 'none'
        ? [`calico: the ${cni.encapsulation === 'ipip' ? 'IPIP tunnel' : 'VXLAN device'} and routes that Felix writes`]
        : []),
    ],
    absent: () => ['calico: Felix, its CNI and IPAM plugins, Typha, confd and the data store; ipsets (pools are written into the rules)'],
  },
  weave: {
    real: () => [],
    sameMechanism: () => [
      'weave: one layer-2 domain by a full mesh of kernel VXLAN on UDP 6784, with flooding and MAC learning; WEAVE rules as without its policy controller',
    ],
    absent: () => [
      'weave: its router and gossip, relaying over a third node, sleeve (pcap), the Open vSwitch data path, encryption, weave-npc; its IPAM ring is split evenly by the plan',
    ],
  },
  kindnet: {
    real: () => ['the containernetworking plugins ptp, host-local, loopback and portmap, called by the CNI protocol'],
    sameMechanism: () => ['kindnet: routes between nodes and the chain KIND-MASQ-AGENT, as kindnetd writes them'],
    absent: () => ['kindnetd: nobody watches the API or repairs what is changed by hand'],
  },
  raw: {
    real: () => ["the plugins of the lab's own network configuration list, called by the CNI protocol"],
    sameMechanism: ({ cni }) => (is(cni, 'raw') && cni.routesOn === 'nodes' ? ['raw: routes between nodes, as an administrator would write them'] : []),
    absent: () => [],
  },
};

const PROXY: Readonly<Record<ProxyMode, string>> = {
  iptables: 'Services: the chains that kube-proxy writes in mode iptables (its names, probabilities, comments), without its canaries',
  nftables: 'Services: the table that kube-proxy writes in mode nftables (its names, maps and sets)',
  ipvs: 'Services: the virtual servers, sets and chains that kube-proxy writes in mode ipvs',
  userspace:
    "Services: the chains that kube-proxy wrote in mode userspace (until 1.25), and in every node a process of cnilab's own in the place of kube-proxy, through which all connections to Services go",
  none: 'Services: nothing is written (kube-proxy mode none): no cluster address and no node port answers',
};

function policies({ cni }: ClusterPlan): string[] {
  return cni.type !== 'observed' && traitsOf(cni.type).enforcesNetworkPolicy
    ? [
        `NetworkPolicies (networking.k8s.io/v1): enforced, by an nftables table in every node that is cnilab's own; ${ENFORCER[cni.type] ?? cni.type} has another form for them`,
      ]
    : [];
}

/** Who does it in life, and how. */
const ENFORCER: Readonly<Partial<Record<CniName, string>>> = {
  calico: 'Felix (chains cali-pi-*, cali-po-*, and policies of projectcalico.org besides)',
  weave: 'weave-npc (chains WEAVE-NPC-*, ipsets)',
  kindnet: 'kindnetd (each first packet is asked about in user space)',
};

/** The fidelity statement of a plan. Pure. */
export function fidelity(plan: LabPlan): FidelityStatement {
  const each = (part: keyof CniFidelity): string[] =>
    plan.clusters.flatMap((cluster) => (cluster.cni.type === 'observed' ? [] : CNIS[cluster.cni.type][part](cluster)));
  const clusters = plan.clusters.length > 0;
  const docker = plan.machines.some((machine) => machine.docker !== undefined);
  const served = plan.clusters.filter((cluster) => dnsPods(cluster).length > 0);
  const routed = plan.clusters.filter((cluster) => controllerPods(cluster).length > 0);
  const networked = plan.clusters.some(({ networks = [] }) => networks.length > 0);
  const modes = plan.clusters.filter((cluster) => cluster.cni.type !== 'observed').map((cluster) => cluster.kubeProxy.mode);
  const tables = plan.clusters.some((cluster) => cluster.cni.type !== 'raw');
  return {
    engine: 'netns',
    real: unique([
      "the Linux kernel's network stack, one network namespace per node, pod, host and router: veth, bridges, routes, ARP and ND, forwarding",
      ...(tables ? ['iptables and conntrack of the kernel in every node'] : []),
      ...(docker ? ['iptables and conntrack of the kernel on every host with Docker'] : []),
      ...each('real'),
      ...(routed.length > 0 ? ['nginx of this machine behind the Ingresses, in the pod of the controller'] : []),
      ...(served.length > 0 ? ['the DNS server behind kube-dns: CoreDNS where this machine has it, else dnsmasq'] : []),
    ]),
    sameMechanism: unique([
      'switches: one bridge per segment; cables: veth pairs',
      ...each('sameMechanism'),
      ...modes.map((mode) => PROXY[mode]),
      ...plan.clusters.flatMap(policies),
      ...(networked
        ? [
            'second networks: on every node the bridge, the cables and the addresses that the plugins bridge and host-local leave for a NetworkAttachmentDefinition',
          ]
        : []),
      ...(docker
        ? [
            "Docker: bridges, veth pairs, MAC addresses and the chains of iptables as dockerd 26.1 has them; in the place of docker-proxy one process of cnilab's own listens on all published ports of a host",
            'Docker: names in user-defined networks, by CoreDNS or dnsmasq at 127.0.0.11 in the namespace of each container; dockerd answers there itself, behind a NAT rule',
          ]
        : []),
      ...(routed.length > 0
        ? [
            'Ingresses: the servers, locations and headers that the template of ingress-nginx makes of rules; endpoints are upstreams of nginx, and every change is a reload',
          ]
        : []),
      ...(plan.neighbours.mode === 'permanent'
        ? [
            `neighbour entries are permanent, not learned: about ${plan.neighbours.estimate} would exceed ${plan.neighbours.budget}, half of the kernel's one table for all namespaces`,
          ]
        : []),
    ]),
    absent: unique([
      ...(clusters
        ? [
            'kubelet, containerd, the API server and images: a pod is its network namespace',
            ...(modes.some((mode) => mode !== 'none')
              ? ['kube-proxy: nobody watches the API or repairs what is changed by hand, and node ports for health checks are not answered']
              : []),
            ...(routed.length > 0
              ? [
                  "ingress-nginx: its controller (nobody watches the API), its Lua (balancing, endpoints without reload), TLS, annotations, metrics and admission webhook; servers behind Ingresses are the verification's own while it runs",
                ]
              : []),
            ...(networked
              ? [
                  'Multus: nobody reads NetworkAttachmentDefinitions, and no pod gets the annotation network-status; a network is on each node by itself, no wire joins them',
                ]
              : []),
            ...(served.length > 0
              ? [
                  "CoreDNS's kubernetes plugin: records are written from the plan, pods' names of IPv6 (with dnsmasq: all of them) exist for the pods of the lab only",
                ]
              : ['DNS: names of Services are not served']),
          ]
        : []),
      ...(docker
        ? [
            'dockerd and images: a container is its network namespace, in which nothing runs but what is started by hand; IPv6, links, internal networks, containers in several networks; macvlan, ipvlan, overlay',
          ]
        : []),
      ...each('absent'),
      'network cards: no offload faults of drivers, no link speed, no loss of its own; all nodes share one kernel, one clock and one processor budget',
      'TCP does not show a too small MTU between bridges (segments stay joined inside one kernel): sizes are checked by UDP and ICMP',
    ]),
  };
}

function is<T extends CniName>(cni: CniPlan, type: T): cni is Extract<CniPlan, { type: T }> {
  return cni.type === type;
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
