/** The commands that mend a lack. None of them starts a service or changes the machine's network. */
import { existsSync } from 'node:fs';
import { cacheDirectory } from '../own-directories.ts';

/** dnf where there is no apt: Fedora, RHEL and their kin. */
function install(apt: string, dnf: string): string {
  return existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dnf') ? `sudo apt-get install -y ${apt}` : `sudo dnf install -y ${dnf}`;
}

/** Installing BIRD or nginx would start its service on this machine: they are unpacked into cnilab's cache instead. `rpms`: what the shell finds the package by. */
function unpack(name: string, apt: string, dnf: string, rpms: string): string {
  const into = `${cacheDirectory()}/${name}`;
  return existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dnf')
    ? `mkdir -p ${into} && cd ${into} && apt-get download ${apt} && dpkg -x ${apt}_*.deb .`
    : `mkdir -p ${into} && cd ${into} && dnf download ${dnf} && rpm2cpio ${rpms} | cpio -idm`;
}

const ELSEWHERE: Readonly<Record<string, string>> = {
  darwin: 'run cnilab inside a Linux virtual machine: `brew install lima && limactl start && lima`, or an OrbStack machine (`orb create debian`)',
  win32: 'run cnilab inside WSL 2: `wsl --install -d Debian`, then start it there',
};

export const REMEDIES: Readonly<
  Record<
    | 'wsl1'
    | 'utilLinux'
    | 'bash'
    | 'iptables'
    | 'nftables'
    | 'iproute'
    | 'faultTools'
    | 'plugins'
    | 'bird'
    | 'birdLibraries'
    | 'nginx'
    | 'nginxLibraries'
    | 'dns'
    | 'dnsmasq'
    | 'bridgeNetfilter'
    | 'ipvs'
    | 'ipvsRoot'
    | 'ipvsTools'
    | 'tun'
    | 'neighbours'
    | 'files'
    | 'koffi'
    | 'node',
    string
  >
> & {
  readonly linux: (platform: string) => string;
  readonly module: (name: string) => string;
} = {
  linux: (platform: string): string => ELSEWHERE[platform] ?? 'run cnilab inside a Linux virtual machine',
  wsl1: 'WSL 1 has no Linux kernel: `wsl --set-version DISTRIBUTION 2`',
  utilLinux: install('util-linux', 'util-linux'),
  bash: install('bash', 'bash'),
  iptables: install('iptables', 'iptables-nft'),
  nftables: install('nftables', 'nftables'),
  iproute: install('iproute2', 'iproute'),
  faultTools: install('iproute2 procps conntrack iputils-ping', 'iproute procps-ng conntrack-tools iputils'),
  plugins: install('containernetworking-plugins', 'containernetworking-plugins'),
  bird: unpack('bird', 'bird2', 'bird', 'bird-2*.rpm'),
  birdLibraries: install('libssh-gcrypt-4 libreadline8', 'libssh readline'),
  nginx: unpack('nginx', 'nginx', 'nginx-core', 'nginx-core-*.rpm'),
  nginxLibraries: install('libpcre2-8-0 libssl3 zlib1g', 'pcre2 openssl-libs'),
  // dnsmasq-base is the program without its service; Fedora's dnsmasq has one that is not enabled.
  dnsmasq: install('dnsmasq-base', 'dnsmasq'),
  dns: `${install('dnsmasq-base', 'dnsmasq')}   # or have CoreDNS in PATH`,
  bridgeNetfilter: 'sudo modprobe br_netfilter',
  module: (name: string): string => `sudo modprobe ${name}   # not found: this kernel lacks it, and only another kernel has it`,
  ipvs: 'sudo modprobe ip_vs   # where this kernel lacks it: kube-proxy mode nftables, its successor, or iptables; or an engine whose nodes have a kernel of their own (vm); `cnilab explain scheduler` shows its schedulers without',
  ipvsRoot:
    'run cnilab as root (sudo), in no container with users of its own: the kernel shows net.ipv4.vs to that user alone; or kube-proxy mode nftables, its successor, or iptables',
  ipvsTools: install('ipvsadm ipset', 'ipvsadm ipset'),
  tun: 'sudo modprobe tun   # it makes /dev/net/tun, which has to be writable for you; without it: flannel with backend vxlan or host-gw',
  neighbours: 'sudo sysctl -w net.ipv4.neigh.default.gc_thresh3=1024   # the default; larger labs get permanent entries',
  files: 'ulimit -n 65536   # above the hard limit: /etc/security/limits.conf, or LimitNOFILE= of the unit',
  koffi: 'npm install   # koffi has prebuilt packages for Linux with glibc and musl',
  node: 'install Node.js 20.19 or newer',
};
