/** Docker on hosts: networks, containers and published ports that a real dockerd would take. */
import { cidrContains, cidrsOverlap, formatCidr, tryParseAddress, tryParseCidr, usableCount } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { DEFAULT_NETWORK, dockerNetworkDrafts, joinedContainer, MODES, type DockerNetworkDraft } from '../docker/draft.ts';
import type { ContainerSpec, DockerSpec, PublishedPortSpec } from '../docker/docker-spec.ts';
import { interfaceNameProblem, labelProblem, nearest } from '../names.ts';
import type { HostSpec, LabSpec } from '../spec.ts';
import { caution, pairs, problem, type Path } from './findings.ts';
import { unusableAddress } from './gateway-is-network-address.ts';
import { rangesOf } from './lab-view.ts';

/** Everything that is wrong with Docker on the hosts of a lab. */
export function docker(spec: LabSpec): readonly Diagnostic[] {
  return (spec.hosts ?? []).flatMap((host, i) => {
    if (host.docker === undefined) return [];
    const path = ['hosts', i, 'docker'];
    const networks = dockerNetworkDrafts(spec, host);
    return [
      ...ofNames(host.docker, path),
      ...ofTexts(host.docker, path),
      ...ofRanges(spec, networks, path),
      ...(host.docker.containers ?? []).flatMap((container, c) => ofContainer(host.docker?.containers ?? [], container, networks, [...path, 'containers', c])),
      ...ofAddresses(host.docker.containers, networks, path),
      ...ofPorts(host, path),
    ];
  });
}

const networkOf = ({ network = DEFAULT_NETWORK }: ContainerSpec): string => network;

function ofNames({ networks = [], containers }: DockerSpec, path: Path): readonly Diagnostic[] {
  const label = (what: string, text: string, at: Path): readonly Diagnostic[] => {
    const reason = labelProblem(text);
    return reason === null
      ? []
      : [problem('NAME_INVALID', at, `the ${what} ${JSON.stringify(text)} is not an RFC 1123 label: ${reason}`, 'use a-z, 0-9 and "-", a letter first')];
  };
  const twice = (what: string, items: readonly { readonly name: string }[], key: string): readonly Diagnostic[] =>
    items.flatMap(({ name }, i) =>
      items.findIndex((one) => one.name === name) === i
        ? []
        : [problem('NAME_DUPLICATE', [...path, key, i, 'name'], `two ${what}s of the host are named ${name}`, `rename this ${what}`)],
    );
  return [
    ...networks.flatMap(({ name, bridge }, i) => {
      const at = [...path, 'networks', i];
      const reason = bridge === undefined ? null : interfaceNameProblem(bridge);
      return [
        ...label('network name', name, [...at, 'name']),
        ...([DEFAULT_NETWORK, ...MODES].includes(name)
          ? [problem('NAME_RESERVED', [...at, 'name'], `${name} is a network that Docker has by itself`, 'name this network otherwise')]
          : []),
        ...(reason === null
          ? []
          : [
              problem(
                'INTERFACE_NAME_INVALID',
                [...at, 'bridge'],
                `${JSON.stringify(bridge)} is no name of an interface: ${reason}`,
                'leave it out, or shorten it',
              ),
            ]),
      ];
    }),
    ...containers.flatMap(({ name, aliases = [] }, i) => {
      const at = [...path, 'containers', i];
      return [...label('container name', name, [...at, 'name']), ...aliases.flatMap((alias, a) => label('alias', alias, [...at, 'aliases', a]))];
    }),
    ...twice('network', networks, 'networks'),
    ...twice('container', containers, 'containers'),
    ...pairs(['docker0', ...networks.flatMap(({ bridge }) => bridge ?? [])])
      .filter(([a, b]) => a === b)
      .map(([a]) => problem('NAME_DUPLICATE', [...path, 'networks'], `two networks of the host have the bridge ${a}`, 'name one of the bridges otherwise')),
  ];
}

/** Texts that must be IPv4 addresses or ranges. */
function ofTexts({ defaultPool, networks = [], containers }: DockerSpec, path: Path): readonly Diagnostic[] {
  const range = (text: string | undefined, at: Path): readonly Diagnostic[] => {
    if (text === undefined) return [];
    const parsed = tryParseCidr(text);
    if (!parsed.ok) return [problem(parsed.code, at, parsed.message, 'write the first address of the range, "/" and the prefix length, like 172.18.0.0/16')];
    return parsed.cidr.family === 'ipv4' ? [] : [problem('DOCKER_SUBNET', at, `${text} is not IPv4`, 'Docker on a host is planned for IPv4 alone')];
  };
  const address = (text: string | undefined, at: Path): readonly Diagnostic[] => {
    if (text === undefined) return [];
    const parsed = tryParseAddress(text);
    return parsed.ok && parsed.address.family === 'ipv4'
      ? []
      : [problem('ADDRESS_SYNTAX', at, parsed.ok ? `${text} is not IPv4` : parsed.message, 'write an address like 172.17.0.7')];
  };
  return [
    ...range(defaultPool, [...path, 'defaultPool']),
    ...networks.flatMap(({ subnet, gateway }, i) => [
      ...range(subnet, [...path, 'networks', i, 'subnet']),
      ...address(gateway, [...path, 'networks', i, 'gateway']),
    ]),
    ...containers.flatMap((container, i) => [
      ...address(container.address, [...path, 'containers', i, 'address']),
      ...(container.ports ?? []).flatMap(({ listenAddress }, p) => address(listenAddress, [...path, 'containers', i, 'ports', p, 'listenAddress'])),
    ]),
  ];
}

/** dockerd refuses a pool that overlaps another, and does not see what lies behind routers; here everything of the lab is looked at. */
function ofRanges(spec: LabSpec, networks: readonly DockerNetworkDraft[], path: Path): readonly Diagnostic[] {
  const own = networks.map((network, i) => ({
    ...network,
    what: network.userDefined ? `network ${network.name}` : 'docker0',
    at: network.userDefined ? [...path, 'networks', i - 1, 'subnet'] : [...path, 'defaultPool'],
  }));
  const others = rangesOf(spec);
  return [
    ...own.flatMap(({ cidr, what, at, gateway, userDefined }): readonly Diagnostic[] => {
      if (cidr === null) return [];
      const met = others.find((other) => cidrsOverlap(other.cidr, cidr));
      const key = userDefined ? 'subnet' : 'defaultPool';
      if (met !== undefined)
        return [
          problem(
            'DOCKER_SUBNET',
            at,
            `${formatCidr(cidr)} (${what}) overlaps ${formatCidr(met.cidr)} (${met.what})`,
            `choose another ${key}, or move ${met.what}`,
          ),
        ];
      if (cidr.family !== 'ipv4') return [];
      if (usableCount(cidr) < 2n) return [problem('DOCKER_SUBNET', at, `${formatCidr(cidr)} has no room for a bridge and a container`, 'use a /29 or larger')];
      const hop = gateway === null ? null : tryParseAddress(gateway);
      return hop?.ok === true && (!cidrContains(cidr, hop.address) || unusableAddress(cidr, gateway ?? '') !== null)
        ? [
            problem(
              'DOCKER_ADDRESS',
              at.with(-1, 'gateway'),
              `the gateway ${gateway ?? ''} is no address for a machine in ${formatCidr(cidr)}`,
              'leave it out: the first usable address is taken',
            ),
          ]
        : [];
    }),
    ...pairs(own).flatMap(([a, b]) =>
      a.cidr !== null && b.cidr !== null && cidrsOverlap(a.cidr, b.cidr)
        ? [
            problem(
              'DOCKER_SUBNET',
              b.at,
              `${formatCidr(b.cidr)} (${b.what}) overlaps ${formatCidr(a.cidr)} (${a.what})`,
              'choose another subnet, or leave it out',
            ),
          ]
        : [],
    ),
  ];
}

/** What a container asks for exists, and goes together. */
function ofContainer(all: readonly ContainerSpec[], container: ContainerSpec, networks: readonly DockerNetworkDraft[], path: Path): readonly Diagnostic[] {
  const network = networkOf(container);
  const joined = joinedContainer(network);
  const home = networks.find(({ name }) => name === network);
  const known = [...networks.map(({ name }) => name), ...MODES];
  const found: Diagnostic[] = [];
  if (joined !== null) {
    const reason = joinProblem(all, container.name, joined);
    if (reason !== null)
      found.push(problem('DOCKER_NETWORK_UNKNOWN', [...path, 'network'], `container ${container.name} ${reason}`, 'name another container of the host'));
  } else if (!known.includes(network)) {
    const near = nearest(network, known);
    found.push(
      problem(
        'DOCKER_NETWORK_UNKNOWN',
        [...path, 'network'],
        `the host has no Docker network ${JSON.stringify(network)}; known: ${known.join(', ')}`,
        near === null ? 'declare it under networks, or write container:NAME' : `did you mean ${near}?`,
      ),
    );
  }
  if (container.address !== undefined && home === undefined && (joined !== null || known.includes(network)))
    found.push(
      problem('DOCKER_ADDRESS', [...path, 'address'], `container ${container.name} has no address of its own with network ${network}`, 'remove the address'),
    );
  if ((container.aliases ?? []).length > 0 && home?.userDefined !== true && (joined !== null || known.includes(network)))
    found.push(
      problem(
        'DOCKER_ALIAS',
        [...path, 'aliases'],
        `aliases are known in user-defined networks only, and ${container.name} is in ${network}`,
        'put it into one of networks, or remove the aliases',
      ),
    );
  if ((container.ports ?? []).length > 0) {
    if (joined !== null)
      found.push(
        problem(
          'DOCKER_PORTS',
          [...path, 'ports'],
          `container ${container.name} shares the network of ${joined} and publishes no ports of its own`,
          `publish them at ${joined}`,
        ),
      );
    else if (network === 'host' || network === 'none')
      found.push(
        caution(
          'DOCKER_PORTS',
          [...path, 'ports'],
          `published ports are discarded with network ${network}`,
          network === 'host' ? 'remove them: its programs listen on the host itself' : 'remove them: nothing reaches it',
        ),
      );
  }
  return found;
}

/** Why a container cannot join another; null: it can. */
function joinProblem(all: readonly ContainerSpec[], name: string, joined: string): string | null {
  if (joined === name) return 'cannot join its own network';
  const seen = new Set([name]);
  for (let at: string | null = joined; at !== null; ) {
    if (seen.has(at)) return `joins ${joined}, which joins it in turn`;
    seen.add(at);
    const other = all.find((one) => one.name === at);
    if (other === undefined) return `joins container ${at}, which the host does not have`;
    at = joinedContainer(networkOf(other));
  }
  return null;
}

/** Fixed addresses lie in their network, and are given once. */
function ofAddresses(containers: readonly ContainerSpec[], networks: readonly DockerNetworkDraft[], path: Path): readonly Diagnostic[] {
  const seen = new Map<string, string>();
  return containers.flatMap((container, c): readonly Diagnostic[] => {
    const home = networks.find(({ name }) => name === networkOf(container));
    const { address, name } = container;
    if (address === undefined || home === undefined || home.cidr === null) return [];
    const parsed = tryParseAddress(address);
    if (!parsed.ok || parsed.address.family !== 'ipv4') return [];
    const at = [...path, 'containers', c, 'address'];
    const range = formatCidr(home.cidr);
    if (!cidrContains(home.cidr, parsed.address) || unusableAddress(home.cidr, address) !== null)
      return [
        problem(
          'DOCKER_ADDRESS',
          at,
          `${address} of container ${name} is no address for a machine in ${range} (network ${home.name})`,
          `use an address of ${range}, or leave it out`,
        ),
      ];
    const holder = seen.get(address) ?? (parsed.address.value === gatewayValue(home) ? 'the bridge' : undefined);
    seen.set(address, `container ${name}`);
    return holder === undefined
      ? []
      : [problem('DOCKER_ADDRESS', at, `${address} of container ${name} is the address of ${holder}`, 'use another address, or leave it out')];
  });
}

function gatewayValue({ cidr, gateway }: DockerNetworkDraft): bigint {
  const parsed = gateway === null ? null : tryParseAddress(gateway);
  return parsed?.ok === true ? parsed.address.value : (cidr?.base ?? 0n) + 1n;
}

/** A port of the host is published once; in host mode programs would ask for one port twice, which dockerd does not see. */
function ofPorts({ name: host, docker }: HostSpec, path: Path): readonly Diagnostic[] {
  const uses = (docker?.containers ?? []).flatMap((container, c) =>
    (container.ports ?? []).map((port, p) => {
      const inHost = networkOf(container) === 'host';
      return { container: container.name, inHost, taken: inHost ? port.containerPort : port.hostPort, port, at: [...path, 'containers', c, 'ports', p] };
    }),
  );
  return pairs(uses.filter(({ container }) => publishes(docker?.containers ?? [], container)))
    .filter(([a, b]) => a.taken === b.taken && (a.port.protocol ?? 'tcp') === (b.port.protocol ?? 'tcp') && meet(a, b))
    .map(([a, b]) => {
      const what = `port ${String(b.taken)}/${b.port.protocol ?? 'tcp'} of host ${host}`;
      return a.inHost || b.inHost
        ? caution(
            'DOCKER_PORT_TAKEN',
            b.at,
            `${what} is wanted by ${a.container} and ${b.container}: the second program cannot listen on it`,
            'give one of them another port',
          )
        : problem(
            'DOCKER_PORT_TAKEN',
            b.at,
            `${what} is published for ${a.container} and for ${b.container}`,
            'publish one of them on another port or address',
          );
    });
}

function publishes(containers: readonly ContainerSpec[], name: string): boolean {
  const network = networkOf(containers.find((one) => one.name === name) ?? { name });
  return network !== 'none' && joinedContainer(network) === null;
}

interface PortUse {
  readonly inHost: boolean;
  readonly port: PublishedPortSpec;
}

/** 0.0.0.0 is every address. */
function meet(a: PortUse, b: PortUse): boolean {
  const [one, other] = [a, b].map(({ inHost, port }) => (inHost ? '0.0.0.0' : (port.listenAddress ?? '0.0.0.0')));
  return one === other || one === '0.0.0.0' || other === '0.0.0.0';
}
