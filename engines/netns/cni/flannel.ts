/**
 * flannel's data path: flannel.1 with a permanent neighbour and FDB entry per peer (vxlan), bare routes (host-gw, DirectRouting), or flannel0 and a process (udp); its subnet.env
 * and its iptables rules. Pods join by the delegate configuration that flannel's plugin derives from subnet.env: `bridge` with `host-local`.
 * Source: flannel-io/flannel pkg/backend/vxlan, pkg/trafficmngr/iptables, pkg/subnet.
 */
import type { CniPlan, ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import type { Family } from '../../../topology/spec.ts';
import { deviceOps, nodeDirectory, pluginOps, type DataPath } from '../compile-data-path.ts';
import { MULTICAST, familyOf, ofFamily, rulesOp } from '../compile-rules.ts';
import type { Op } from '../ops.ts';

export const flannel: DataPath = {
  linkScope: 'node',
  node: (cluster, node) => [...deviceOps(node), subnetEnv(cluster, node), ...docker(cluster, node), ...rules(cluster, node)],
  pod: pluginOps,
};

/**
 * What flannel did for Docker. mk-docker-opts.sh makes options for its daemon of subnet.env: the only link between the two. And as flannel.VNI has all pods on one
 * wire, the kernel asks for the MAC of each: flanneld answered by the VTEP of the pod's node, one neighbour entry per pod that somebody sought.
 */
function docker(cluster: ClusterPlan, node: NodePlan): Op[] {
  const { cni } = cluster;
  const gateway = node.bridge?.addresses[0];
  if (cni.type !== 'flannel' || cni.docker !== true || gateway === undefined) return [];
  const [bip, masquerade, mtu] = [`--bip=${gateway.address}/${gateway.prefixLength}`, '--ip-masq=false', `--mtu=${cni.mtuBytes}`];
  const text = [
    `DOCKER_OPT_BIP="${bip}"`,
    `DOCKER_OPT_IPMASQ="${masquerade}"`,
    `DOCKER_OPT_MTU="${mtu}"`,
    `DOCKER_OPTS=" ${bip} ${masquerade} ${mtu}"`,
    '',
  ].join('\n');
  return [
    { op: 'file', path: `${nodeDirectory(node)}/docker_opts.env`, text },
    ...node.vxlans.flatMap((device) =>
      device.peers.flatMap(({ node: peer, mac }) => {
        const name = cluster.nodes.find(({ id }) => id === peer)?.name;
        const pods = cluster.pods.filter((pod) => pod.node === name && !pod.hostNetwork);
        return pods.flatMap((pod) =>
          (pod.interface?.addresses ?? []).map(({ address }): Op => ({ op: 'neigh', ns: node.netns, dev: device.name, address, mac })),
        );
      }),
    ),
  ];
}

/** The file by which flanneld tells the CNI plugin of its node what to delegate. */
function subnetEnv(cluster: ClusterPlan, node: NodePlan): Op {
  const lines = cluster.families.flatMap((family) => {
    const prefix = family === 'ipv6' ? 'FLANNEL_IPV6' : 'FLANNEL';
    const gateway = node.bridge?.addresses.find((a) => a.family === family);
    return [
      `${prefix}_NETWORK=${ofFamily(cluster.podCIDRs, family).join(',')}`,
      ...(gateway === undefined ? [] : [`${prefix}_SUBNET=${gateway.address}/${gateway.prefixLength}`]),
    ];
  });
  const mtu = node.bridge?.mtuBytes ?? cluster.cni.mtuBytes;
  return { op: 'file', path: `${nodeDirectory(node)}/subnet.env`, text: [...lines, `FLANNEL_MTU=${mtu}`, 'FLANNEL_IPMASQ=true', ''].join('\n') };
}

function rules(cluster: ClusterPlan, node: NodePlan): Op[] {
  return cluster.families.flatMap((family) => {
    const network = ofFamily(cluster.podCIDRs, family)[0];
    const own = node.podCIDRs.find((cidr) => familyOf(cidr) === family);
    if (network === undefined || own === undefined) return [];
    return rulesOp(node.netns, family, [
      { table: 'nat', chains: ['FLANNEL-POSTRTG'], rules: postrouting(family, network, own, cluster.cni) },
      {
        table: 'filter',
        chains: ['FLANNEL-FWD'],
        rules: [
          'FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
          `FLANNEL-FWD -s ${network} -m comment --comment "flanneld forward" -j ACCEPT`,
          `FLANNEL-FWD -d ${network} -m comment --comment "flanneld forward" -j ACCEPT`,
        ],
      },
    ]);
  });
}

function postrouting(family: Family, network: string, own: string, cni: CniPlan): string[] {
  const comment = '-m comment --comment "flanneld masq"';
  // From a node over bare routes (no VTEP address as source) the last rule maps the node's address to itself. flanneld's --random-fully would then
  // give each connection another source port: left out there, so that node-to-pod stays free of NAT.
  const bareRoutes = cni.type === 'flannel' && (cni.backend === 'host-gw' || cni.directRouting);
  return [
    `POSTROUTING ${comment} -j FLANNEL-POSTRTG`,
    // kube-proxy's mark: it masquerades those itself.
    `FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${comment} -j RETURN`,
    `FLANNEL-POSTRTG -s ${own} -d ${network} ${comment} -j RETURN`,
    `FLANNEL-POSTRTG -s ${network} -d ${own} ${comment} -j RETURN`,
    `FLANNEL-POSTRTG ! -s ${network} -d ${own} ${comment} -j RETURN`,
    `FLANNEL-POSTRTG -s ${network} ! -d ${MULTICAST[family]} ${comment} -j MASQUERADE --random-fully`,
    `FLANNEL-POSTRTG ! -s ${network} -d ${network} ${comment} -j MASQUERADE${bareRoutes ? '' : ' --random-fully'}`,
  ];
}
