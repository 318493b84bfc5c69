/** The diagnoses this version can make. The names are those of the fault table in docs/faults.md; they say what was found. */
export interface DiagnosisKind {
  readonly title: string;
  /** Checks that such a fault makes fail. */
  readonly checks: readonly string[];
  /** warn: works, but worse than planned. */
  readonly severity: 'fail' | 'warn';
  /** Diagnoses with the same symptom at the client. */
  readonly lookAlikes: readonly string[];
}

export const diagnosisKinds = {
  'pod-source-rewritten': {
    title: 'pod traffic is source-NATed on its way to another pod',
    checks: ['r1-pod-to-pod', 'r3-self-view'],
    severity: 'fail',
    lookAlikes: ['proxy-in-path', 'hidden-double-nat'],
  },
  'hidden-double-nat': {
    title: 'pod traffic is source-NATed on one node and turned back on another',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['pod-source-rewritten'],
  },
  'source-port-rewritten': {
    title: 'NAT keeps the source address of a pod and changes its port',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['proxy-in-path', 'pod-source-rewritten'],
  },
  'source-rewritten-for-one-protocol': {
    title: 'one protocol of pod traffic is source-NATed, the others are not',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['pod-source-rewritten', 'proxy-in-path'],
  },
  'node-source-rewritten': {
    title: "a node's own traffic to pods is source-NATed",
    checks: ['r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['pod-source-rewritten'],
  },
  'proxy-in-path': {
    title: 'a proxy on the node accepts connections meant for a pod',
    checks: ['r1-pod-to-pod', 'service-source'],
    severity: 'fail',
    lookAlikes: ['pod-source-rewritten'],
  },
  'forwarding-disabled': {
    title: 'the node does not forward packets',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['route-is-blackhole', 'forward-policy-drops'],
  },
  'forward-policy-drops': {
    title: 'the FORWARD policy drops pod traffic',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['forwarding-disabled', 'route-is-blackhole', 'policy-drops'],
  },
  'policy-drops': {
    title: 'a filter rule drops pod traffic',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['no-return-route', 'forward-policy-drops'],
  },
  'filter-rejects': {
    title: 'a filter rule rejects pod traffic',
    checks: ['r1-pod-to-pod', 'controls'],
    severity: 'fail',
    lookAlikes: ['port-not-listening'],
  },
  'mixed-iptables-backends': {
    title: 'both backends of iptables hold rules, and each lists its own only',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['policy-drops', 'forward-policy-drops'],
  },
  'port-not-listening': {
    title: 'nothing listens on the port',
    checks: ['controls', 'ingress'],
    severity: 'fail',
    lookAlikes: ['filter-rejects'],
  },
  'cni-reverse-path-filter-drops': {
    title: 'a reverse path rule of the packet filter drops pod traffic',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['reverse-path-filter-drops'],
  },
  'no-route-to-pod-cidr': {
    title: 'a node has no route to the pods of another',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['bgp-peer-down', 'route-is-blackhole'],
  },
  'no-return-route': {
    title: 'replies find no route back to the pods of the client',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['policy-drops', 'reverse-path-filter-drops'],
  },
  'route-is-blackhole': {
    title: 'the route to the pods of another node is a blackhole',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['forwarding-disabled', 'forward-policy-drops'],
  },
  'route-points-elsewhere': {
    title: 'the route to the pods of another node has another next hop or device than planned',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['reverse-path-filter-drops'],
  },
  'pod-cidr-overlaps': {
    title: 'a foreign route takes part of the pod range',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['route-points-elsewhere', 'duplicate-pod-cidr'],
  },
  'duplicate-pod-cidr': {
    title: 'two nodes have the same range of pods',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['route-points-elsewhere', 'pod-cidr-overlaps', 'no-route-to-pod-cidr'],
  },
  'node-address-not-unique': {
    title: 'several nodes have the address by which others reach them',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['fdb-points-elsewhere', 'overlay-mismatch'],
  },
  'conntrack-table-full': {
    title: 'connection tracking has no room for new connections',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod', 'loss'],
    severity: 'fail',
    lookAlikes: ['packet-loss', 'forward-policy-drops'],
  },
  'reverse-path-filter-drops': {
    title: 'strict reverse path filtering drops pod traffic that comes in by another way than it would go out',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['cni-reverse-path-filter-drops', 'no-return-route'],
  },
  'bgp-peer-down': {
    title: 'a BGP session is down: the routes of both its ends are missing',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['no-route-to-pod-cidr'],
  },
  'path-mtu-below-pod-mtu': {
    title: 'the path is narrower than the pods believe; the path MTU is learned',
    checks: ['size-sweep'],
    severity: 'warn',
    lookAlikes: ['mtu-blackhole', 'overlay-packets-fragmented'],
  },
  'mtu-blackhole': {
    title: 'packets as large as the MTU of the pod vanish on the way',
    checks: ['size-sweep', 'r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['path-mtu-below-pod-mtu', 'overlay-packets-fragmented'],
  },
  'overlay-packets-fragmented': {
    title: 'the outer packets of the overlay are fragmented',
    checks: ['size-sweep'],
    severity: 'warn',
    lookAlikes: ['mtu-blackhole', 'path-mtu-below-pod-mtu'],
  },
  'duplicate-pod-ip': {
    title: 'two pods hold the same address',
    checks: ['r1-pod-to-pod', 'r3-self-view'],
    severity: 'fail',
    lookAlikes: ['stale-neighbour'],
  },
  'duplicate-mac': {
    title: 'two pods of one bridge, or two nodes of one network, have the same MAC',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['duplicate-pod-ip'],
  },
  'node-not-unique': {
    title: 'two nodes have the same host name or machine-id, as clones have',
    // Nothing that a probe could show.
    checks: [],
    severity: 'warn',
    lookAlikes: ['duplicate-mac'],
  },
  'address-differs-from-plan': {
    title: 'an address on the interface is not the planned one',
    checks: ['r3-self-view', 'r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['address-not-assigned', 'duplicate-pod-ip'],
  },
  'address-not-assigned': {
    title: 'nobody has the address: the interface of the pod is gone or down',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['address-differs-from-plan', 'stale-neighbour'],
  },
  'stale-neighbour': {
    title: 'a neighbour entry holds a wrong MAC',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['duplicate-pod-ip', 'gateway-mac-changed'],
  },
  'gateway-mac-changed': {
    title: 'a pod holds a wrong MAC for its gateway',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['stale-neighbour'],
  },
  'fdb-points-elsewhere': {
    title: 'a forwarding entry of the overlay leads to a wrong node',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['vtep-mac-wrong', 'node-address-not-unique', 'overlay-port-blocked', 'vni-mismatch'],
  },
  'vtep-mac-wrong': {
    title: 'the overlay addresses a wrong MAC',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['fdb-points-elsewhere', 'overlay-port-blocked', 'vni-mismatch'],
  },
  'vni-mismatch': {
    title: 'two ends of the overlay have different VXLAN network identifiers',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['overlay-port-blocked', 'encapsulation-filtered'],
  },
  'overlay-mismatch': {
    title: 'port or local address of an overlay device are not as planned',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['vni-mismatch', 'overlay-port-blocked'],
  },
  'overlay-port-blocked': {
    title: 'a filter drops the outer packets of the overlay',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['vni-mismatch', 'encapsulation-filtered'],
  },
  'encapsulation-filtered': {
    title: 'a router between the nodes drops the outer packets of the overlay',
    checks: ['r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['vni-mismatch', 'overlay-port-blocked'],
  },
  'overlay-checksum-bad': {
    title: 'outer packets of the overlay arrive with a bad checksum',
    checks: ['service-cluster-ip', 'loss', 'r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['packet-loss'],
  },
  'link-down': {
    title: 'a planned link of a node is down or missing',
    checks: ['r1-pod-to-pod', 'r2-node-to-pod'],
    severity: 'fail',
    lookAlikes: ['no-route-to-pod-cidr'],
  },
  'policy-blocks-dns': {
    title: "a filter rule drops questions to the cluster's DNS",
    checks: ['dns-ladder', 'dns-records', 'dns-search'],
    severity: 'fail',
    lookAlikes: ['dns-server-down', 'dns-vip-not-programmed', 'policy-drops'],
  },
  'policy-not-enforced': {
    title: 'nothing drops what policies block, on a node whose CNI enforces them',
    checks: ['policy-matrix'],
    severity: 'fail',
    lookAlikes: ['policy-allows-more'],
  },
  'policy-allows-more': {
    title: 'a rule lets in what policies block',
    checks: ['policy-matrix'],
    severity: 'fail',
    lookAlikes: ['policy-not-enforced'],
  },
  'dns-server-down': {
    title: "a server of the cluster's DNS does not run",
    checks: ['dns-ladder', 'dns-records', 'dns-search'],
    severity: 'fail',
    lookAlikes: ['dns-vip-not-programmed', 'policy-blocks-dns', 'dns-forwarding-loop'],
  },
  'dns-forwarding-loop': {
    title: "a server of the cluster's DNS passes questions on to itself, found the loop and ended",
    checks: ['dns-ladder', 'dns-records', 'dns-search'],
    severity: 'fail',
    lookAlikes: ['dns-server-down', 'dns-vip-not-programmed', 'policy-blocks-dns'],
  },
  'dns-vip-not-programmed': {
    title: 'the proxy of a node does not lead the address of the DNS Service to a server',
    checks: ['dns-ladder', 'dns-records', 'dns-search'],
    severity: 'fail',
    lookAlikes: ['dns-server-down', 'policy-blocks-dns'],
  },
  'resolver-search-differs': {
    title: 'a pod has another search list than its dnsPolicy gives',
    checks: ['dns-resolv-conf', 'dns-search'],
    severity: 'fail',
    lookAlikes: ['dns-server-down', 'dns-vip-not-programmed'],
  },
  'packet-loss': {
    title: 'packets are lost at random',
    checks: ['loss', 'r1-pod-to-pod'],
    severity: 'fail',
    lookAlikes: ['overlay-checksum-bad', 'conntrack-table-full'],
  },
  'hairpin-disabled': {
    title: 'the bridge of a node sends no frame back to the pod it came from',
    checks: ['service-hairpin'],
    severity: 'fail',
    lookAlikes: ['hairpin-not-masqueraded', 'bridged-replies-bypass-nat'],
  },
  'hairpin-not-masqueraded': {
    title: 'a pod that gets itself through its Service is not masqueraded',
    checks: ['service-hairpin'],
    severity: 'fail',
    lookAlikes: ['hairpin-disabled', 'bridged-replies-bypass-nat'],
  },
  'bridged-replies-bypass-nat': {
    title: 'replies between pods of one bridge are not translated back',
    checks: ['service-cluster-ip'],
    severity: 'fail',
    lookAlikes: ['hairpin-not-masqueraded', 'endpoint-is-dead'],
  },
  'service-not-programmed': {
    title: 'the proxy of a node does not know a Service',
    checks: ['service-cluster-ip', 'service-from-node'],
    severity: 'fail',
    lookAlikes: ['service-has-no-endpoints', 'endpoint-is-dead', 'node-has-no-service-route'],
  },
  'node-has-no-service-route': {
    title: 'a node has no route to the addresses of Services, and its own connections find none before the proxy is asked',
    checks: ['service-from-node'],
    severity: 'fail',
    lookAlikes: ['service-not-programmed', 'no-route-to-pod-cidr'],
  },
  'service-has-no-endpoints': {
    title: 'the proxy refuses a Service for want of ready endpoints',
    checks: ['service-cluster-ip', 'service-from-node'],
    severity: 'fail',
    lookAlikes: ['endpoint-port-closed', 'service-not-programmed'],
  },
  'endpoint-is-dead': {
    title: 'a Service leads to an address that no endpoint has',
    checks: ['service-cluster-ip', 'service-from-node'],
    severity: 'fail',
    lookAlikes: ['address-not-assigned', 'stale-conntrack-entry'],
  },
  'endpoint-port-closed': {
    title: 'a Service leads to a port that its endpoint does not serve',
    checks: ['service-cluster-ip', 'service-from-node'],
    severity: 'fail',
    lookAlikes: ['service-has-no-endpoints', 'filter-rejects'],
  },
  'stale-conntrack-entry': {
    title: 'connection tracking keeps a UDP flow on an endpoint that is gone',
    checks: ['service-udp-reuse'],
    severity: 'fail',
    lookAlikes: ['endpoint-is-dead'],
  },
  'node-port-filtered': {
    title: 'a filter takes what is sent to a node port before the proxy does',
    checks: ['service-node-port'],
    severity: 'fail',
    lookAlikes: ['service-not-programmed', 'forward-policy-drops'],
  },
  'foreign-cni-config': {
    title: 'a node does not attach new pods by its planned CNI configuration',
    checks: ['inventory-cni'],
    severity: 'fail',
    lookAlikes: ['cni-binary-missing'],
  },
  'cni-binary-missing': {
    title: 'a node lacks a plugin that its CNI configuration calls',
    checks: ['inventory-cni'],
    severity: 'fail',
    lookAlikes: ['foreign-cni-config'],
  },
  'attachment-broken': {
    title: 'an interface of a pod in a second network is missing, down, cut off from its bridge, or lacks its address',
    checks: ['attachments'],
    severity: 'fail',
    lookAlikes: ['forward-policy-drops', 'policy-drops'],
  },
  'session-affinity-broken': {
    title: 'the proxy does not send a client back to its endpoint',
    checks: ['service-affinity'],
    severity: 'fail',
    lookAlikes: ['stale-conntrack-entry'],
  },
  // Between any two places, as the walk of one packet names them: verify/walk.
  'no-route': {
    title: 'a machine on the way has no route to where the packet goes',
    checks: [],
    severity: 'fail',
    lookAlikes: ['no-return-route', 'forwarding-disabled'],
  },
  'next-hop-silent': {
    title: 'nobody answers for the address that a route leads to',
    checks: [],
    severity: 'fail',
    lookAlikes: ['link-down', 'stale-neighbour'],
  },
  'lost-on-the-way': {
    title: 'a place on the way loses the packet',
    checks: [],
    severity: 'fail',
    lookAlikes: [],
  },
} as const;

export type DiagnosisName = keyof typeof diagnosisKinds;

/** The entry of a diagnosis, typed alike for all. */
export function diagnosisKind(name: DiagnosisName): DiagnosisKind {
  const kind: DiagnosisKind = diagnosisKinds[name];
  return kind;
}
