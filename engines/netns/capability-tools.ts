/** Programs, plugins and limits, each by using it. */
import type { Trial } from './capabilities.ts';
import { execute, type HostFacts, inScratch, saidBy } from './capability-facts.ts';
import { findPlugin, findProgram, pluginFolders } from '../executables.ts';
import { findBird, findDnsmasq, findDnsServer, findNginx } from './find-servers.ts';
import type { DnsServer } from './dns/compile.ts';
import type { PlanNeeds } from './plan-needs.ts';
import { REMEDIES } from './remedies.ts';

type Outcome = Awaited<ReturnType<Trial['attempt']>>;

/** A filter program must accept a rule of the kinds that the data paths write. */
function filter(id: string, family: 'ipv4' | 'ipv6', names: readonly string[]): Trial {
  return {
    id,
    title: `${family === 'ipv4' ? 'iptables' : 'ip6tables'} rules`,
    required: false,
    neededBy: `the masquerade rules of every CNI, Services (${family === 'ipv4' ? 'IPv4' : 'IPv6'})`,
    wanted: (needs) => needs.filters.includes(family),
    attempt: async (facts) => {
      const program = findProgram(names);
      if (program === null) return { ok: false, detail: `${names.at(-1)} is not installed`, remedy: REMEDIES.iptables };
      const tried = await inScratch(facts, [program, '--noflush'], FILTER_SAMPLE);
      return {
        ok: tried.exitCode === 0,
        detail: tried.exitCode === 0 ? `${program} takes mark, comment, conntrack, addrtype, recent, statistic and MASQUERADE` : saidBy(tried),
        remedy: REMEDIES.iptables,
      };
    },
  };
}

const FILTER_SAMPLE = [
  '*nat',
  ':T - [0:0]',
  '-A POSTROUTING -m comment --comment "trial" -j T',
  '-A T -m mark --mark 0x4000/0x4000 -j RETURN',
  '-A T -m addrtype --src-type LOCAL -m recent --name T --rcheck --seconds 10 --reap -j RETURN',
  '-A T -m statistic --mode random --probability 0.5 -j RETURN',
  '-A T -j MASQUERADE --random-fully',
  'COMMIT',
  '*filter',
  '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  'COMMIT',
  '',
].join('\n');

/** What one fault alone is made of: no lab needs it. */
function faultRule(id: string, title: string, neededBy: string, argv: readonly string[]): Trial {
  return {
    id,
    title,
    required: false,
    neededBy,
    wanted: () => false,
    attempt: async (facts) => {
      const tried = await inScratch(facts, argv);
      return { ok: tried.exitCode === 0, detail: tried.exitCode === 0 ? `${argv[0]} takes such a rule` : saidBy(tried), remedy: REMEDIES.iptables };
    },
  };
}

/** `static` for lists that name their addresses themselves; a folder that somebody built by hand may lack it. */
const USUAL_PLUGINS = ['bridge', 'host-local', 'loopback', 'portmap', 'static'];

/** The plugins that the built-in CNIs call, or those of a plan. A lab's own, in folders beside its file, are looked for by `up`. */
export function pluginTrials(needs: PlanNeeds | null): Trial[] {
  const names = needs === null ? USUAL_PLUGINS : needs.plugins.filter(({ folders }) => folders.length === 0).map(({ name }) => name);
  return [...new Set(names)].map((name) => ({
    id: `cni-${name}`,
    title: `CNI plugin ${name}`,
    required: false,
    neededBy: 'bridge, flannel and raw CNI lists',
    wanted: () => true,
    attempt: async () => await pluginVersion(name),
  }));
}

/** CNI VERSION: an executable of that name may be anything. */
async function pluginVersion(name: string): Promise<Outcome> {
  const path = findPlugin(name);
  if (path === null) return { ok: false, detail: `not in ${pluginFolders().join(', ')}`, remedy: REMEDIES.plugins };
  const answer = await execute([path], {
    input: '{"cniVersion":"1.0.0"}',
    env: { CNI_COMMAND: 'VERSION', CNI_PATH: pluginFolders().join(':') },
  });
  const versions = answer.exitCode === 0 ? supportedVersions(answer.stdout) : [];
  return versions.includes('1.0.0')
    ? { ok: true, detail: `${path}, CNI ${versions[0]} to ${versions.at(-1)}`, remedy: '' }
    : { ok: false, detail: `${path} does not speak CNI 1.0.0: ${versions.length > 0 ? versions.join(', ') : saidBy(answer)}`, remedy: REMEDIES.plugins };
}

function supportedVersions(text: string): string[] {
  try {
    const answer = JSON.parse(text) as { readonly supportedVersions?: readonly string[] };
    return [...(answer.supportedVersions ?? [])];
  } catch {
    return [];
  }
}

export const toolTrials: readonly Trial[] = [
  {
    id: 'node',
    title: 'Node.js',
    required: true,
    neededBy: 'everything',
    wanted: () => true,
    attempt: async () => ({ ok: isRecentNode(process.versions.node), detail: `${process.versions.node} at ${process.execPath}`, remedy: REMEDIES.node }),
  },
  {
    id: 'koffi',
    title: 'calls into the C library (koffi)',
    required: true,
    neededBy: 'everything',
    wanted: () => true,
    attempt: async () => await koffi(),
  },
  {
    id: 'util-linux',
    title: 'unshare, nsenter and bash',
    required: true,
    neededBy: 'everything',
    wanted: () => true,
    attempt: async () => {
      const missing = ['unshare', 'nsenter', 'mount', 'bash'].filter((name) => findProgram([name]) === null);
      return {
        ok: missing.length === 0,
        detail: missing.length === 0 ? 'found' : `missing: ${missing.join(', ')}`,
        remedy: missing.includes('bash') ? REMEDIES.bash : REMEDIES.utilLinux,
      };
    },
  },
  filter('iptables', 'ipv4', ['iptables-nft-restore', 'iptables-restore']),
  filter('ip6tables', 'ipv6', ['ip6tables-nft-restore', 'ip6tables-restore']),
  {
    id: 'nft',
    title: 'nft',
    required: false,
    neededBy: 'kube-proxy mode nftables, NetworkPolicies, diagnosis of nftables rules, fault random-loss',
    wanted: (needs) => needs.nft,
    attempt: async (facts) => await nft(facts),
  },
  {
    id: 'bird',
    title: 'BIRD 2',
    required: false,
    neededBy: 'calico without encapsulation',
    wanted: (needs) => needs.bird,
    attempt: async () => await bird(),
  },
  {
    id: 'dns-server',
    title: 'CoreDNS or dnsmasq',
    required: false,
    neededBy: 'DNS of clusters with Services',
    wanted: (needs) => needs.dns.length + needs.containerDns.length > 0,
    attempt: async () => await dnsServer(),
  },
  {
    id: 'dnsmasq',
    title: 'dnsmasq',
    required: false,
    neededBy: 'zones and forwarders of hosts',
    wanted: (needs) => needs.hostDns.length > 0,
    attempt: async () => await dnsmasq(),
  },
  {
    id: 'coredns',
    title: 'CoreDNS as the DNS of clusters',
    required: false,
    neededBy: 'fault dns-forwarding-loop',
    wanted: () => false,
    attempt: async () => {
      const server = findDnsServer();
      return server?.kind === 'coredns'
        ? await dnsServer()
        : {
            ok: false,
            detail: server === null ? 'not in PATH' : `not in PATH; ${server.program} serves names, and looks for no loop`,
            remedy: 'unpack a release of https://github.com/coredns/coredns/releases, and let CNILAB_COREDNS name the program',
          };
    },
  },
  {
    id: 'nginx',
    title: 'nginx',
    required: false,
    neededBy: 'Ingresses',
    wanted: (needs) => needs.ingress.length > 0,
    attempt: async () => await nginx(),
  },
  {
    id: 'fault-tools',
    title: 'ip, bridge, sysctl, conntrack, ping',
    required: false,
    neededBy: 'faults, and the commands that reports tell you to type',
    wanted: () => false,
    attempt: async () => {
      const missing = ['ip', 'bridge', 'sysctl', 'conntrack', 'ping'].filter((name) => findProgram([name]) === null);
      return { ok: missing.length === 0, detail: missing.length === 0 ? 'found' : `missing: ${missing.join(', ')}`, remedy: REMEDIES.faultTools };
    },
  },
  faultRule('iptables-legacy', 'legacy tables of iptables', 'fault iptables-backends-mixed', ['iptables-legacy', '-A', 'FORWARD', '-j', 'ACCEPT']),
  faultRule('checksum-target', 'the target CHECKSUM of iptables', 'fault vxlan-checksum-offload', [
    'iptables-nft',
    '-t',
    'mangle',
    '-A',
    'POSTROUTING',
    '-p',
    'udp',
    '-j',
    'CHECKSUM',
    '--checksum-fill',
  ]),
  {
    id: 'open-files',
    title: 'open files',
    required: false,
    neededBy: 'labs with many pods (2 descriptors per pod)',
    wanted: (needs) => needs.pods > 100,
    attempt: async () => await openFiles(),
  },
];

/** The floor of package.json's `engines`. */
function isRecentNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}

/** In a process of its own: a native library that does not fit may end the process that loads it. */
async function koffi(): Promise<Outcome> {
  const code = "import fs from 'node:fs'; import k from 'koffi'; fs.writeSync(1, `${k.version} ${k.load(null).func('int getpid()')() === process.pid}`)";
  const answer = await execute([process.execPath, '--input-type=module', '-e', code], { cwd: import.meta.dirname });
  const [version, works] = answer.stdout.trim().split(' ');
  return works === 'true' ? { ok: true, detail: `koffi ${version} calls getpid`, remedy: '' } : { ok: false, detail: saidBy(answer), remedy: REMEDIES.koffi };
}

async function nft(facts: HostFacts): Promise<Outcome> {
  if (findProgram(['nft']) === null) return { ok: false, detail: 'nft is not installed', remedy: REMEDIES.nftables };
  const tried = await inScratch(facts, ['nft', '-f', '-'], NFT_SAMPLE);
  return {
    ok: tried.exitCode === 0,
    detail: tried.exitCode === 0 ? 'takes numgen, fib, verdict maps and sets with timeout' : saidBy(tried),
    remedy: REMEDIES.module('nf_tables'),
  };
}

const NFT_SAMPLE = `table ip t {
  map m { type ipv4_addr . inet_proto . inet_service : verdict; }
  set s { type ipv4_addr; flags dynamic,timeout; timeout 10s; }
  chain c { type filter hook forward priority 0; numgen random mod 100 < 10 counter drop; update @s { ip saddr }; ip daddr . meta l4proto . th dport vmap @m; }
  chain n { type nat hook postrouting priority 100; fib saddr type local masquerade fully-random; }
}
`;

async function bird(): Promise<Outcome> {
  const path = findBird();
  if (path === null) return { ok: false, detail: "neither in PATH nor in cnilab's cache", remedy: REMEDIES.bird };
  const answer = await execute([path, '--version']);
  const version = /BIRD version (\S+)/.exec(`${answer.stdout}${answer.stderr}`)?.[1];
  if (version === undefined) return { ok: false, detail: `${path}: ${saidBy(answer)}`, remedy: REMEDIES.birdLibraries };
  return { ok: /^[2-9]\./.test(version), detail: `${path}, version ${version}`, remedy: REMEDIES.bird };
}

async function dnsServer(): Promise<Outcome> {
  const server = findDnsServer();
  if (server === null) {
    const named = process.env['CNILAB_COREDNS'] ?? '';
    return {
      ok: false,
      detail: named === '' ? 'neither coredns nor dnsmasq is in PATH' : `CNILAB_COREDNS names ${named}, which is no program`,
      remedy: named === '' ? REMEDIES.dns : 'unset CNILAB_COREDNS, or let it name the program coredns',
    };
  }
  return await dnsVersion(server, REMEDIES.dns);
}

async function dnsmasq(): Promise<Outcome> {
  const program = findDnsmasq();
  return program === null ? { ok: false, detail: 'not in PATH', remedy: REMEDIES.dnsmasq } : await dnsVersion({ kind: 'dnsmasq', program }, REMEDIES.dnsmasq);
}

async function dnsVersion({ kind, program }: DnsServer, remedy: string): Promise<Outcome> {
  const answer = await execute([program, kind === 'coredns' ? '-version' : '--version']);
  const version = /(?:CoreDNS-|Dnsmasq version )(\S+)/.exec(answer.stdout)?.[1];
  return version === undefined
    ? { ok: false, detail: `${program}: ${saidBy(answer)}`, remedy }
    : { ok: true, detail: `${program}, version ${version}`, remedy: '' };
}

/** Older ones cannot be kept from the log file that they were built with. */
const NGINX_FLOOR = [1, 19, 5] as const;

async function nginx(): Promise<Outcome> {
  const path = findNginx();
  if (path === null) return { ok: false, detail: "neither in PATH nor in cnilab's cache", remedy: REMEDIES.nginx };
  const answer = await execute([path, '-v']);
  const version = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(`${answer.stdout}${answer.stderr}`)?.slice(1).map(Number);
  if (version === undefined) return { ok: false, detail: `${path}: ${saidBy(answer)}`, remedy: REMEDIES.nginxLibraries };
  const differs = NGINX_FLOOR.findIndex((part, at) => version[at] !== part);
  const isRecent = differs < 0 || (version[differs] ?? 0) > (NGINX_FLOOR[differs] ?? 0);
  return { ok: isRecent, detail: `${path}, version ${version.join('.')}${isRecent ? '' : `; ${NGINX_FLOOR.join('.')} is needed`}`, remedy: REMEDIES.nginx };
}

async function openFiles(): Promise<Outcome> {
  const answer = await execute(['bash', '-c', 'ulimit -Hn']);
  const limit = answer.stdout.trim();
  return { ok: limit === 'unlimited' || Number(limit) >= 4096, detail: `hard limit ${limit}`, remedy: REMEDIES.files };
}
