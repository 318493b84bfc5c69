/** The resolver at 127.0.0.11 of containers in user-defined networks: a real DNS server in the place of the one inside dockerd. */
import type { ContainerPlan, DockerNetworkPlan, DockerPlan } from '../../../topology/docker/docker-plan.ts';
import { serverBlock } from '../../../topology/services/corefile.ts';
import type { CompileOptions } from '../compile-options.ts';
import { DNS_SERVERS, unprivilegedPorts } from '../dns/compile.ts';
import type { ConfigFiles } from '../dns/corefile.ts';
import { serverLines } from '../dns/dnsmasq-config.ts';
import { RESOLV_FOLDER } from '../dns/resolv-files.ts';
import type { Op } from '../ops.ts';

const ADDRESS = '127.0.0.11';
/** Digits of an id that are its short form, and the host name of a container. */
export const SHORT_ID = 12;

/**
 * The server of one container, and its /etc/resolv.conf. Names: those of all containers of its network, their aliases and short ids; an alias of several has all
 * their addresses.
 *
 * @param forwarders whom to ask about other names: the host's resolvers
 */
export function containerDnsOps(
  docker: DockerPlan,
  network: DockerNetworkPlan,
  container: ContainerPlan,
  forwarders: readonly string[],
  options: CompileOptions,
): Op[] {
  const { kind, program } = options.dnsServer ?? { kind: 'coredns', program: 'coredns' };
  const ns = container.netns;
  const folder = `/run/cnilab/dns/${ns}`;
  const hosts = `${folder}/hosts`;
  const rootless = options.rootless ?? false;
  const files: ConfigFiles = kind === 'coredns' ? { Corefile: corefile(hosts, forwarders) } : { 'dnsmasq.conf': dnsmasq(hosts, forwarders) };
  return [
    { op: 'file', path: `${RESOLV_FOLDER}/${ns}.conf`, text: `nameserver ${ADDRESS}\noptions ndots:0\n` },
    ...(rootless && kind === 'dnsmasq' ? unprivilegedPorts(ns) : []),
    { op: 'dns', ns, kind, folder, files: { ...files, hosts: hostLines(docker, network) }, argv: DNS_SERVERS[kind].argv(program, folder, rootless) },
  ];
}

/** The first name is what the address has in reverse. */
function hostLines({ containers }: DockerPlan, network: DockerNetworkPlan): string {
  return containers
    .filter((one) => one.network === network.name)
    .flatMap(({ interface: face, name, containerId, aliases }) =>
      (face?.addresses ?? []).map(({ address }) => `${[address, `${name}.${network.name}`, name, containerId.slice(0, SHORT_ID), ...aliases].join(' ')}\n`),
    )
    .join('');
}

function corefile(hosts: string, forwarders: readonly string[]): string {
  const forward = forwarders.length > 0;
  return serverBlock(
    ['.'],
    [`bind ${ADDRESS}`, 'errors', [`hosts ${hosts}`, ...(forward ? ['fallthrough'] : [])], ...(forward ? [`forward . ${forwarders.join(' ')}`] : [])],
  );
}

function dnsmasq(hosts: string, forwarders: readonly string[]): string {
  return [
    ...serverLines('-'),
    `listen-address=${ADDRESS}`,
    'bind-interfaces',
    `addn-hosts=${hosts}`,
    ...forwarders.map((address) => `server=${address}`),
    '',
  ].join('\n');
}
