/** Shell text that prints the state of the kernel in any number of network namespaces of a node: what `kernel-text.ts` reads. */

/** Begins every line that names what follows. */
export const MARK = '@@cnilab';

/** Files of the sandboxes of containerd (1.6 and newer), the container runtime of kind's nodes: each tells of which pod it is, and its namespace. */
const SANDBOXES = '/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json';

/** Prints, for every container, the name and namespace of its pod and the path of its network namespace, each after the file. */
export const POD_PLACES_SCRIPT: string = String.raw`grep -Ho '"io\.kubernetes\.cri\.sandbox-name" *: *"[^"]*"\|"io\.kubernetes\.cri\.sandbox-namespace" *: *"[^"]*"\|"type" *: *"network" *, *"path" *: *"[^"]*"' ${SANDBOXES} 2>/dev/null; true`;

/** $0: path of the namespace. The sandbox's own file names the resolv.conf that the pod's containers have. */
const IN_POD = String.raw`conf=$(grep -hs "\"path\" *: *\"$0\"" ${SANDBOXES} | grep -o '"source" *: *"[^"]*/resolv\.conf"' | head -n 1 | cut -d '"' -f 4)
exec nsenter --net="$0" unshare --mount sh -c '[ ! -f "$0" ] || mount --bind "$0" /etc/resolv.conf; exec "$@"' "$conf" "$@"`;

/** argv that runs a program of the node, as root, in the network of a pod and with its resolv.conf. */
export function inPodArgv(path: string, argv: readonly string[]): readonly string[] {
  return ['sh', '-c', IN_POD, path, ...argv];
}

/** One namespace, from inside of it. $1: its name; $2: `rules` or ''; $3: `flows` or ''; $4: `node` or ''. */
const BODY = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
part() { echo "${MARK} $*"; }
part place "$1"
part links; ip -json -details -statistics addr
part route4; ip -json -details -Numeric -4 route show table main
part route6; ip -json -details -Numeric -6 route show table main
part neighbours; ip -json neigh
part fdb; bridge -json fdb show
part listening; ss -Htln
part sysctls; cd /proc/sys && grep -sH . net/ipv4/ip_forward net/ipv4/icmp_ratelimit net/ipv4/ping_group_range net/ipv6/icmp/ratelimit net/ipv6/conf/all/forwarding net/bridge/bridge-nf-call-ip*tables net/ipv4/conf/*/rp_filter net/ipv4/conf/*/proxy_arp net/ipv4/conf/*/forwarding net/ipv6/conf/*/disable_ipv6 net/netfilter/nf_conntrack_count net/netfilter/nf_conntrack_max
part snmp; cat /proc/net/snmp
part netstat; cat /proc/net/netstat
part snmp6; cat /proc/net/snmp6
part tracking; cat /proc/net/stat/nf_conntrack
if [ "$2" = rules ]; then
  part iptables; iptables-nft-save -c || iptables-save -c
  part ip6tables; ip6tables-nft-save -c || ip6tables-save -c
  part nft; nft list ruleset
  if command -v iptables-nft-save >/dev/null; then
    if grep -q . /proc/net/ip_tables_names; then part legacy4; iptables-legacy-save -c; fi
    if grep -q . /proc/net/ip6_tables_names; then part legacy6; ip6tables-legacy-save -c; fi
  fi
fi
if [ "$3" = flows ]; then part flows; conntrack -L -p udp -f ipv4; conntrack -L -p udp -f ipv6; fi
if [ "$4" = node ]; then
  for file in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do
    if [ -f "$file" ]; then part cni-config "\${file##*/}"; cat "$file"; echo; fi
  done
  part cni-plugins; for file in /opt/cni/bin/*; do if [ -x "$file" ]; then echo "\${file##*/}"; fi; done
fi`;

/** Folders of the CNI on a node, as every installer of kubeadm's clusters has them. */
export const CNI_FOLDERS = { configFolder: '/etc/cni/net.d', pluginFolder: '/opt/cni/bin' } as const;

/** A namespace of a node; `path` '' is the node's own. */
export interface KernelPlace {
  readonly netns: string;
  readonly path: string;
}

/** argv that reads all of these namespaces, by one shell. Complaints are dropped: what a node has no program for is empty. */
export function kernelArgv(places: readonly KernelPlace[], options: { readonly rules: boolean; readonly flows?: boolean }): readonly [string, ...string[]] {
  const script = `body=$1 rules=$2 flows=$3
shift 3
while [ $# -gt 1 ]; do
  if [ -z "$2" ]; then sh -c "$body" sh "$1" "$rules" "$flows" node; else nsenter --net="$2" sh -c "$body" sh "$1" "$rules" "$flows" ''; fi
  shift 2
done 2>/dev/null
true`;
  const words = places.flatMap(({ netns, path }) => [netns, path]);
  return ['sh', '-c', script, 'sh', BODY, options.rules ? 'rules' : '', options.flows === true ? 'flows' : '', ...words];
}

/** `namespace/name` of a pod → path of its network namespace, from what {@link POD_PLACES_SCRIPT} printed. Pods in the network of their node have none. */
export function podPlaces(text: string): ReadonlyMap<string, string> {
  const files = new Map<string, Map<string, string>>();
  for (const line of text.split('\n')) {
    const [, file = '', key = '', value = ''] = /^(.*?\.json):"(?:io\.kubernetes\.cri\.)?([\w-]+)".*"([^"]*)"$/.exec(line) ?? [];
    if (file === '') continue;
    const known = files.get(file) ?? new Map<string, string>();
    files.set(file, known.set(key, value));
  }
  const places = new Map<string, string>();
  for (const found of files.values()) {
    const path = found.get('type');
    if (path !== undefined) places.set(`${found.get('sandbox-namespace') ?? ''}/${found.get('sandbox-name') ?? ''}`, path);
  }
  return places;
}
