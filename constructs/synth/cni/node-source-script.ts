/** Where the container sees the node's root directory. */
export const HOST = '/host';

/**
 * flanneld masquerades with --random-fully what enters the pod network from outside of it. Over bare routes that are a node's own packets to pods:
 * they would get another source port, which requirement 2 forbids (over VXLAN a node speaks with its VTEP's address, which is of the pod network).
 * This leaves what the node itself sends as it is, unless it was marked for kube-proxy's masquerade. POSIX sh, with the node's own programs.
 *
 * @param networks the pod CIDRs
 * @param nftables as flanneld: a table beside its own. The first chain that binds a connection decides; this one keeps address and port
 */
export function nodeSourceScript(networks: readonly string[], nftables: boolean): string {
  return networks.map((network) => (nftables ? nftablesRule(network) : iptablesRule(network))).join('');
}

function iptablesRule(network: string): string {
  const program = network.includes(':') ? 'ip6tables' : 'iptables';
  const rule = `! -s ${network} -d ${network} -m addrtype --src-type LOCAL -m mark ! --mark 0x4000/0x4000 -m comment --comment "cnilab: nodes keep their source port" -j ACCEPT`;
  return `chroot ${HOST} ${program} -w -t nat -C POSTROUTING ${rule} 2>/dev/null || chroot ${HOST} ${program} -w -t nat -I POSTROUTING ${rule}\n`;
}

function nftablesRule(network: string): string {
  const ip = network.includes(':') ? 'ip6' : 'ip';
  const table = `${ip} cnilab-flannel`;
  return `chroot ${HOST} nft -f - <<'RULES'
table ${table}
delete table ${table}
table ${table} {
  chain postrouting {
    type nat hook postrouting priority 90;
    ${ip} saddr != ${network} ${ip} daddr ${network} fib saddr type local meta mark & 0x4000 == 0 masquerade
  }
}
RULES
`;
}
