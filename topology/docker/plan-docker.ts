import { gatewayOf, hostPool } from '../allocate.ts';
import { cidrContains, formatCidr, parseAddress, parseCidr } from '../cidr.ts';
import { SpecError } from '../errors.ts';
import { netnsName, stableHash } from '../names.ts';
import type { BridgePlan, LabPlan, MachinePlan } from '../plan.ts';
import type { HostSpec, LabSpec } from '../spec.ts';
import type { ContainerPlan, DockerNetworkPlan, DockerPlan } from './docker-plan.ts';
import type { ContainerSpec } from './docker-spec.ts';
import { DEFAULT_NETWORK, dockerNetworkDrafts, joinedContainer, type DockerNetworkDraft } from './draft.ts';

/** MTU of Docker's bridges and containers, in bytes, whatever the host's own is (dockerd --mtu). */
const MTU_BYTES = 1500;

/**
 * Docker's MAC of an address: 02:42 and the four bytes (moby libnetwork/netutils, GenerateMACFromIP); what dockerd did up to version 27. Bridges have a random
 * one behind the same two bytes; here it is derived, so that a lab is the same each time.
 */
function macOf(address: string): string {
  return ['02', '42', ...address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(':');
}

/**
 * The machines, with networks and containers on those hosts that have Docker; dockerd makes them forward. What the previous plan gave is kept.
 *
 * @throws SpecError when a network has no address left
 */
export function withDocker(spec: LabSpec, machines: readonly MachinePlan[], previous: LabPlan | null): readonly MachinePlan[] {
  const hosts = new Map((spec.hosts ?? []).map((host) => [host.name, host]));
  return machines.map((machine) => {
    const host = machine.kind === 'host' ? hosts.get(machine.id) : undefined;
    return host?.docker === undefined ? machine : { ...machine, forwarding: true, docker: planDocker(spec, host, machine, previous) };
  });
}

function planDocker(spec: LabSpec, host: HostSpec, machine: MachinePlan, previous: LabPlan | null): DockerPlan {
  const before = previous?.machines.find(({ id }) => id === machine.id)?.docker;
  const networks = dockerNetworkDrafts(spec, host, before).flatMap((draft) => networkPlan(host.name, draft));
  const asked = host.docker?.containers ?? [];
  const addresses = new Map(networks.flatMap((network) => [...addressesIn(network, asked, before, spec.name)]));
  const ownNetns = new Map(asked.map(({ name }) => [name, netnsName('docker', host.name, name)]));
  return {
    networks,
    containers: asked.map((container): ContainerPlan => {
      const network = networkOf(container);
      const home = networks.find(({ name }) => name === network);
      const id = `${host.name}/${container.name}`;
      const address = addresses.get(container.name);
      const attached = home !== undefined && address !== undefined;
      return {
        id,
        host: host.name,
        name: container.name,
        containerId: stableHash(`container ${id}`, 64),
        netns: netnsOf(container, asked, ownNetns, machine.netns),
        network,
        interface: attached
          ? {
              name: 'eth0',
              mac: macOf(address),
              mtuBytes: MTU_BYTES,
              addresses: [{ family: 'ipv4', address, prefixLength: home.bridge.addresses[0]?.prefixLength ?? 16 }],
              gateways: [home.gateway],
              hostName: `veth${stableHash(`veth ${id}`, 7)}`,
              hostMac: null,
            }
          : null,
        ports: attached
          ? (container.ports ?? []).map(({ hostPort, containerPort, protocol = 'tcp', listenAddress = '0.0.0.0' }) => ({
              hostPort,
              containerPort,
              protocol,
              listenAddress,
            }))
          : [],
        aliases: container.aliases ?? [],
      };
    }),
  };
}

const networkOf = (container: ContainerSpec): string => container.network ?? DEFAULT_NETWORK;

/** Of who joins another, the namespace of that one, and so on; validation let no circle pass. */
function netnsOf(container: ContainerSpec, all: readonly ContainerSpec[], own: ReadonlyMap<string, string>, host: string): string {
  const network = networkOf(container);
  if (network === 'host') return host;
  const joined = joinedContainer(network);
  const other = joined === null ? undefined : all.find(({ name }) => name === joined);
  return other === undefined ? (own.get(container.name) ?? '') : netnsOf(other, all, own, host);
}

function networkPlan(host: string, draft: DockerNetworkDraft): readonly DockerNetworkPlan[] {
  const { name, cidr, userDefined } = draft;
  // Validation refuses a range that cannot be read.
  if (cidr === null) return [];
  const id = stableHash(`docker network ${host}/${name}`, 64);
  const gateway = draft.gateway ?? gatewayOf(cidr);
  const bridge: BridgePlan = {
    name: draft.bridge ?? `br-${id.slice(0, 12)}`,
    mac: `02:42:${stableHash(`docker bridge ${host}/${name}`, 8).replace(/..(?=.)/g, '$&:')}`,
    mtuBytes: MTU_BYTES,
    addresses: [{ family: 'ipv4', address: gateway, prefixLength: cidr.prefixLength }],
  };
  return [{ name, id, cidr: formatCidr(cidr), gateway, bridge, userDefined }];
}

/** By container: fixed addresses first, then those of the running lab, then the lowest free ones. */
function addressesIn(
  network: DockerNetworkPlan,
  containers: readonly ContainerSpec[],
  before: DockerPlan | undefined,
  lab: string,
): ReadonlyMap<string, string> {
  const range = parseCidr(network.cidr);
  const pool = hostPool(range);
  pool.take(network.gateway);
  const members = containers.filter((container) => networkOf(container) === network.name);
  const chosen = new Map<string, string>();
  const take = (container: ContainerSpec, address: string | undefined): void => {
    if (address !== undefined && !chosen.has(container.name) && cidrContains(range, parseAddress(address)) && pool.take(address))
      chosen.set(container.name, address);
  };
  for (const container of members) take(container, container.address);
  for (const container of members) {
    const old = before?.containers.find(({ name, network: was }) => name === container.name && was === network.name);
    take(container, old?.interface?.addresses[0]?.address);
  }
  for (const container of members) {
    if (chosen.has(container.name)) continue;
    const address = pool.next();
    if (address === null) throw full(network, members.length, lab);
    chosen.set(container.name, address);
  }
  return chosen;
}

function full(network: DockerNetworkPlan, members: number, lab: string): SpecError {
  const message = `network ${network.name} (${network.cidr}) has fewer addresses than its ${String(members)} containers`;
  return new SpecError([{ severity: 'error', code: 'DOCKER_SUBNET', path: ['hosts'], message, hint: 'give it a larger subnet' }], lab);
}
