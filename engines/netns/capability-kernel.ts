/** Kernel features, each by using it in a scratch namespace. */
import { readFileSync } from 'node:fs';
import type { Trial } from './capabilities.ts';
import { type HostFacts, inScratch, saidBy } from './capability-facts.ts';
import { findProgram } from '../executables.ts';
import { canOpenTun, kernelHasIpvs, TUN_FILE } from './kernel-feature.ts';
import { REMEDIES } from './remedies.ts';
import { userNamespaceRemedy } from './user-namespaces.ts';

type Outcome = Awaited<ReturnType<Trial['attempt']>>;

/** A device that `ip link add` must be able to make. `tunl0` and the like exist by themselves where the kernel has ipip. */
function device(id: string, title: string, arguments_: string, needed: Pick<Trial, 'required' | 'neededBy' | 'wanted'>, module: string): Trial {
  return {
    id,
    title,
    ...needed,
    attempt: async (facts) => {
      const tried = await inScratch(facts, ['ip', 'link', 'add', ...arguments_.split(' ')]);
      if (tried.exitCode === 0) return { ok: true, detail: `made one by \`ip link add ${arguments_}\``, remedy: '' };
      return tried.exitCode === 127 || /ip: .*not found|failed to execute ip/.test(tried.stderr)
        ? { ok: false, detail: 'cannot be tried: ip is missing', remedy: REMEDIES.iproute }
        : { ok: false, detail: `\`ip link add ${arguments_}\`: ${saidBy(tried)}`, remedy: REMEDIES.module(module) };
    },
  };
}

export const kernelTrials: readonly Trial[] = [
  {
    id: 'namespaces',
    title: 'network namespaces',
    required: true,
    neededBy: 'everything',
    wanted: () => true,
    attempt: async (facts) => namespaces(facts),
  },
  {
    id: 'rootless',
    title: 'namespaces without root',
    required: false,
    neededBy: 'running cnilab as an ordinary user',
    wanted: () => process.geteuid?.() !== 0,
    attempt: async ({ refusals }) => ({
      ok: refusals.user === '',
      detail: refusals.user === '' ? '`unshare -U -r -n` works' : refusals.user,
      remedy: userNamespaceRemedy(),
    }),
  },
  device('veth', 'veth pairs', 't0 type veth peer name t1', { required: true, neededBy: 'everything', wanted: () => true }, 'veth'),
  device('bridge', 'bridges', 't0 type bridge', { required: true, neededBy: 'everything', wanted: () => true }, 'bridge'),
  device(
    'vxlan',
    'VXLAN',
    't0 type vxlan id 1 dstport 4789 dev lo',
    { required: false, neededBy: 'flannel vxlan, calico vxlan and crossSubnet, weave', wanted: (needs) => needs.vxlan },
    'vxlan',
  ),
  device(
    'ipip',
    'IPIP tunnels (ipip)',
    't0 type ipip local 127.0.0.1 remote 127.0.0.2',
    { required: false, neededBy: 'calico ipip (vxlan, crossSubnet and none work without)', wanted: (needs) => needs.ipip },
    'ipip',
  ),
  {
    id: 'tun',
    title: `TUN devices (${TUN_FILE})`,
    required: false,
    neededBy: 'flannel udp (vxlan and host-gw work without)',
    wanted: (needs) => needs.tun,
    attempt: async (facts) => await tun(facts),
  },
  {
    id: 'br_netfilter',
    title: 'bridged packets pass iptables',
    required: false,
    neededBy: 'Services between pods of one node, NetworkPolicies of weave',
    wanted: (needs) => needs.filters.length > 0,
    attempt: async (facts) => await readable(facts, '/proc/sys/net/bridge/bridge-nf-call-iptables', REMEDIES.bridgeNetfilter),
  },
  {
    id: 'ipvs',
    title: 'IP Virtual Server (ip_vs)',
    required: false,
    neededBy: 'kube-proxy mode ipvs (iptables and nftables work without)',
    wanted: (needs) => needs.ipvs.length > 0,
    attempt: async (facts) => await ipvs(facts),
  },
  {
    id: 'ipv6',
    title: 'IPv6',
    required: false,
    neededBy: 'IPv6 and dual-stack labs',
    wanted: (needs) => needs.ipv6,
    attempt: async (facts) => await readable(facts, '/proc/sys/net/ipv6/conf/all/forwarding', 'boot without ipv6.disable=1'),
  },
  {
    id: 'neighbour-table',
    title: 'neighbour table',
    required: false,
    neededBy: 'more than about 20 pods that learn each other',
    wanted: () => true,
    attempt: async () => neighbourTable(),
  },
];

async function tun(facts: HostFacts): Promise<Outcome> {
  if (!canOpenTun()) return { ok: false, detail: `${TUN_FILE} is not there, or not for this user`, remedy: REMEDIES.tun };
  const tried = await inScratch(facts, ['ip', 'tuntap', 'add', 't0', 'mode', 'tun']);
  return { ok: tried.exitCode === 0, detail: tried.exitCode === 0 ? 'made one by `ip tuntap add`' : saidBy(tried), remedy: REMEDIES.tun };
}

async function ipvs(facts: HostFacts): Promise<Outcome> {
  if (!kernelHasIpvs()) return { ok: false, detail: 'this kernel has no module ip_vs', remedy: REMEDIES.ipvs };
  if (findProgram(['ipvsadm']) === null || findProgram(['ipset']) === null)
    return { ok: false, detail: 'ipvsadm or ipset is not installed', remedy: REMEDIES.ipvsTools };
  const tried = await inScratch(facts, ['ipvsadm', '-A', '-t', '198.51.100.1:80', '-s', 'rr']);
  if (tried.exitCode === 0) {
    // The kernel shows them to the first user namespace alone (ip_vs_control_net_init_sysctl), and without net.ipv4.vs.conntrack nothing is masqueraded.
    const settings = await inScratch(facts, ['test', '-e', '/proc/sys/net/ipv4/vs/conntrack']);
    if (settings.exitCode !== 0) return { ok: false, detail: 'its settings (net.ipv4.vs) are hidden here: it needs root', remedy: REMEDIES.ipvsRoot };
  }
  return { ok: tried.exitCode === 0, detail: tried.exitCode === 0 ? 'takes a virtual server' : saidBy(tried), remedy: REMEDIES.ipvs };
}

function namespaces({ scratch, rootless, refusals }: HostFacts): Outcome {
  if (scratch !== null) return { ok: true, detail: rootless ? 'made in a user namespace (rootless)' : 'made as root', remedy: '' };
  return {
    ok: false,
    detail: `refused: ${[refusals.root, refusals.user].filter((text) => text !== '' && text !== 'not root').join('; ')}`,
    remedy: userNamespaceRemedy(),
  };
}

async function readable(facts: HostFacts, path: string, remedy: string): Promise<Outcome> {
  const tried = await inScratch(facts, ['cat', path]);
  return { ok: tried.exitCode === 0, detail: tried.exitCode === 0 ? `${path} is there` : saidBy(tried), remedy };
}

/** One limit for all network namespaces of the kernel; visible in the initial one only. */
function neighbourTable(): Outcome {
  let limit: number;
  try {
    limit = Number(readFileSync('/proc/sys/net/ipv4/neigh/default/gc_thresh3', 'utf8'));
  } catch {
    return { ok: true, detail: 'its limit cannot be read here; 1024 is assumed', remedy: '' };
  }
  return {
    ok: limit >= 1024,
    detail: `gc_thresh3 is ${limit}, shared by all namespaces; larger labs get permanent entries, which do not count`,
    remedy: REMEDIES.neighbours,
  };
}
