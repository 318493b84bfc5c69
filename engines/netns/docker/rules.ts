/** The packet filter that dockerd 26 writes, chain by chain (compared with `iptables-save` of 26.1.5); 28 has other chains in the table filter. */
import type { ContainerPlan, DockerNetworkPlan, DockerPlan, PublishedPortPlan } from '../../../topology/docker/docker-plan.ts';
import type { TableRules } from '../compile-rules.ts';

interface Publication {
  readonly address: string;
  readonly bridge: string;
  readonly port: PublishedPortPlan;
}

/** Rules of a Docker host: nat, then filter. */
export function dockerRules({ networks, containers }: DockerPlan): readonly TableRules[] {
  // dockerd puts the rules of a network before those of the ones that it made earlier.
  const newestFirst = networks.toReversed();
  const published = containers.flatMap((container) => publicationsOf(networks, container));
  return [nat(newestFirst, published), filter(newestFirst, published)];
}

function publicationsOf(networks: readonly DockerNetworkPlan[], container: ContainerPlan): readonly Publication[] {
  const bridge = networks.find(({ name }) => name === container.network)?.bridge.name;
  const address = container.interface?.addresses[0]?.address;
  return bridge === undefined || address === undefined ? [] : container.ports.map((port) => ({ address, bridge, port }));
}

const transport = (protocol: string, port: number): string => `-p ${protocol} -m ${protocol} --dport ${String(port)}`;

/** Traffic between containers stays as it is; what leaves the bridge gets the host's address; published ports lead in. */
function nat(networks: readonly DockerNetworkPlan[], published: readonly Publication[]): TableRules {
  return {
    table: 'nat',
    chains: ['DOCKER'],
    rules: [
      'PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      'OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
      ...networks.map(({ cidr, bridge }) => `POSTROUTING -s ${cidr} ! -o ${bridge.name} -j MASQUERADE`),
      // For a container that reaches itself through its published port, where nobody proxies for it.
      ...published.map(({ address, port }) => `POSTROUTING -s ${address}/32 -d ${address}/32 ${transport(port.protocol, port.containerPort)} -j MASQUERADE`),
      ...networks.map(({ bridge }) => `DOCKER -i ${bridge.name} -j RETURN`),
      ...published.map(({ address, bridge, port }) => {
        const to = port.listenAddress === '0.0.0.0' ? '' : `-d ${port.listenAddress}/32 `;
        return `DOCKER ${to}! -i ${bridge} ${transport(port.protocol, port.hostPort)} -j DNAT --to-destination ${address}:${String(port.containerPort)}`;
      }),
    ],
  };
}

/** Nothing is forwarded but what a network asks for; from bridge to bridge nothing goes, published or not. */
function filter(networks: readonly DockerNetworkPlan[], published: readonly Publication[]): TableRules {
  return {
    table: 'filter',
    policies: { FORWARD: 'DROP' },
    chains: ['DOCKER', 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2', 'DOCKER-USER'],
    rules: [
      'FORWARD -j DOCKER-USER',
      'FORWARD -j DOCKER-ISOLATION-STAGE-1',
      ...networks.flatMap(({ bridge: { name } }) => [
        `FORWARD -o ${name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        `FORWARD -o ${name} -j DOCKER`,
        `FORWARD -i ${name} ! -o ${name} -j ACCEPT`,
        `FORWARD -i ${name} -o ${name} -j ACCEPT`,
      ]),
      ...published.map(
        ({ address, bridge, port }) => `DOCKER -d ${address}/32 ! -i ${bridge} -o ${bridge} ${transport(port.protocol, port.containerPort)} -j ACCEPT`,
      ),
      ...networks.map(({ bridge: { name } }) => `DOCKER-ISOLATION-STAGE-1 -i ${name} ! -o ${name} -j DOCKER-ISOLATION-STAGE-2`),
      'DOCKER-ISOLATION-STAGE-1 -j RETURN',
      ...networks.map(({ bridge: { name } }) => `DOCKER-ISOLATION-STAGE-2 -o ${name} -j DROP`),
      'DOCKER-ISOLATION-STAGE-2 -j RETURN',
      'DOCKER-USER -j RETURN',
    ],
  };
}
