/** What the words FROM and TO of a diagnosis mean in a lab. Pure. */
import { isIP } from 'node:net';
import { containersOf, ownsNetns } from '../topology/docker/places.ts';
import { LabError } from '../topology/errors.ts';
import { nearest } from '../topology/names.ts';
import { nodeDevices } from '../topology/node-devices.ts';
import type { ClusterPlan, LabPlan } from '../topology/plan.ts';
import type { ServicePlan } from '../topology/services/service-plan.ts';
import type { Between } from '../verify/ladder.ts';
import type { WalkEnds } from '../verify/walk/goal.ts';
import { resolveTarget } from './exec.ts';
import type { LabState } from './lab-state.ts';

/** One end of a way: what it is, and the cluster that it belongs to ('' for a host). */
interface WayEnd {
  readonly kind: 'pod' | 'node' | 'host' | 'router' | 'service';
  readonly id: string;
  readonly cluster: string;
  /** Of a Service or a host; null where none was named. */
  readonly port: number | null;
  /** By its address in a second network, which the checks of a way do not ask. */
  readonly second?: true;
}

/** Of an address that nothing of the plan has. */
const NOBODY: WayEnd = { kind: 'host', id: '', cluster: '', port: null };

/**
 * The way from FROM to TO, for the checks of a diagnosis. FROM: a pod, a node or a host. TO: a pod, a node, a Service (`svc/NAME`, `svc/NAMESPACE/NAME`, its name in the DNS; `:PORT` for one
 * port of it) or an address of one of them. Null for ends of which Kubernetes promises nothing, so that no check judges the way: to hosts, routers and containers, to an
 * address in a second network or one that nothing has, and from hosts, routers and containers to anything but a Service. Those are walked, see {@link resolveEnds}.
 *
 * @throws LabError TARGET_UNKNOWN with what is near, or what it could mean; USAGE for a way that no packet of Kubernetes takes
 */
export function resolveBetween(state: LabState, from: string, to: string): Between | null {
  const { plan } = state;
  const { start, end } = bothEnds(state, from, to);
  if (end.kind === 'host' || end.kind === 'router' || end.second === true || (start.cluster === '' && end.kind !== 'service') || start.kind === 'router')
    return null;
  if (start.cluster !== '' && start.cluster !== end.cluster)
    throw usage(
      `${start.id} and ${end.id} are in different clusters, each a network of its own`,
      `choose two ends of one of ${plan.clusters.map(({ name }) => name).join(', ')}`,
    );
  const { kind, id, cluster, port } = end;
  return { cluster, from: start.id, to: kind === 'service' ? { kind, id, port } : { kind, id } };
}

/**
 * As {@link resolveBetween}, but any two ends between which a packet can be sent: also hosts, routers and containers, an address that nothing has, and across clusters.
 *
 * @throws LabError TARGET_UNKNOWN; USAGE for a Service as the first end, and for what has no network
 */
export function resolveEnds(state: LabState, from: string, to: string): WalkEnds {
  const { start, end } = bothEnds(state, from, to);
  const { kind, id, port } = end;
  const cluster = end.cluster === '' ? start.cluster : end.cluster;
  return { cluster, from: start.id, to: kind === 'service' ? { kind, id, port } : { kind: kind === 'router' ? 'host' : kind, id } };
}

function bothEnds(state: LabState, from: string, to: string): { readonly start: WayEnd; readonly end: WayEnd } {
  const start = resolveEnd(state, from, null);
  if (start === NOBODY)
    throw unknown(
      `nothing in lab ${state.name} has the address ${splitPort(from).name}`,
      `\`cnilab inspect ${state.name}\` lists the addresses; a pod, a node and a Service have some`,
      [],
    );
  if (start.kind === 'service') throw usage(`${from} is a Service, and Services ask nobody`, 'name a pod, a node or a host first, and the Service behind it');
  return { start, end: resolveEnd(state, to, start.cluster === '' ? null : start.cluster) };
}

function resolveEnd(state: LabState, word: string, cluster: string | null): WayEnd {
  const { name, port } = splitPort(word);
  const plan = state.observed ?? state.plan;
  const found = isIP(name) === 0 ? serviceNamed(state, plan, name, cluster) : ownerOf(state, plan, name, cluster);
  const end = found ?? named(state, plan, name);
  if (port !== null && (end.kind === 'pod' || end.kind === 'node') && end.second !== true)
    throw usage(`${word}: a port is asked for behind a Service only`, `write ${name} without :${port}`);
  const ports = end.kind === 'service' ? portsOf(plan, end.id) : [];
  if (port !== null && end.kind === 'service' && !ports.includes(port))
    throw unknown(`${end.id} has no port ${port}`, `its ports are ${ports.join(', ') || 'none'}`, ports.map(String));
  return end === NOBODY ? NOBODY : { ...end, port };
}

/** `[fd00::1]:80`, `10.96.0.10:80`, `svc/web:80`; an IPv6 address alone has no port. */
export function splitPort(word: string): { readonly name: string; readonly port: number | null } {
  const found = isIP(word) === 0 ? /^(?:\[(.+)\]|(.*)):(\d{1,5})$/.exec(word) : null;
  if (found === null) return { name: word, port: null };
  return { name: found[1] ?? found[2] ?? '', port: Number(found[3]) };
}

function portsOf(plan: LabPlan, id: string): readonly number[] {
  return plan.clusters.flatMap((cluster) =>
    cluster.services.filter((service) => service.id === id).flatMap((service) => service.ports.map(({ port }) => port)),
  );
}

function asService(cluster: ClusterPlan, service: ServicePlan): WayEnd {
  return { kind: 'service', id: service.id, cluster: cluster.name, port: null };
}

/** `svc/…`, or a name of the DNS; null for what is neither. */
function serviceNamed(state: LabState, plan: LabPlan, name: string, within: string | null): WayEnd | null {
  const marked = /^svc\/(.+)$/.exec(name)?.[1];
  const matches = plan.clusters.flatMap((cluster) =>
    cluster.services
      .filter((service) => (marked === undefined ? isDnsName(cluster, service, name) : namesOf(service).includes(marked)))
      .map((service) => ({ cluster, service })),
  );
  const near = matches.filter(({ cluster }) => within === null || cluster.name === within);
  // A short name is one of the namespace default first, as it is elsewhere.
  const preferred = near.filter(({ service }) => service.namespace === 'default');
  const [only, ...others] = near.length > 1 && preferred.length > 0 ? preferred : near.length > 0 ? near : matches;
  if (only !== undefined && others.length === 0) return asService(only.cluster, only.service);
  if (only !== undefined) {
    const ids = [only, ...others].map(({ service }) => `svc/${service.id}`);
    throw unknown(`${name} can be ${ids.length} Services in lab ${state.name}`, `say which: ${ids.join(', ')}`, ids);
  }
  if (marked === undefined) return null;
  const ids = plan.clusters.flatMap((cluster) => cluster.services.map((service) => service.id));
  const guess = nearest(marked, [...ids, ...plan.clusters.flatMap((cluster) => cluster.services.flatMap(namesOf))]);
  throw unknown(`lab ${state.name} has no Service ${marked}`, guess === null ? `there is: ${ids.join(', ') || 'none'}` : `did you mean svc/${guess}?`, ids);
}

/** Shortest first. */
function namesOf(service: ServicePlan): readonly string[] {
  return [service.name, `${service.namespace}/${service.name}`, service.id];
}

function isDnsName(cluster: ClusterPlan, { namespace, name }: ServicePlan, asked: string): boolean {
  const full = `${name}.${namespace}`;
  return asked.includes('.') && [full, `${full}.svc`, `${full}.svc.${cluster.dnsDomain}`].includes(asked.replace(/\.$/, ''));
}

/** Who has an address, by the plan. */
function ownerOf(state: LabState, plan: LabPlan, address: string, within: string | null): WayEnd {
  const owners = plan.clusters.flatMap((cluster): readonly WayEnd[] => [
    ...cluster.pods
      .filter((pod) => pod.interface?.addresses.some((one) => one.address === address))
      .map(({ id }) => ({ kind: 'pod' as const, id, cluster: cluster.name, port: null })),
    ...cluster.pods
      .filter((pod) => pod.attachments?.some(({ addresses }) => addresses.some((one) => one.address === address)))
      .map(({ id }) => ({ kind: 'pod' as const, id, cluster: cluster.name, port: null, second: true as const })),
    ...cluster.nodes
      .filter((node) => nodeDevices(node).some((device) => device.addresses.some((one) => one.address === address)))
      .map(({ id }) => ({ kind: 'node' as const, id, cluster: cluster.name, port: null })),
    ...cluster.services
      .filter((service) => [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs].includes(address))
      .map((service) => asService(cluster, service)),
  ]);
  const host =
    plan.machines.find(({ interfaces, docker }) =>
      [...interfaces, ...(docker?.networks ?? []).map(({ bridge }) => bridge)].some((device) => device.addresses.some((one) => one.address === address)),
    ) ?? containersOf(plan).find((container) => container.interface?.addresses.some((one) => one.address === address));
  const found = owners.find((owner) => owner.cluster === within) ?? owners[0];
  if (found !== undefined) return found;
  return host === undefined ? NOBODY : named(state, plan, host.id);
}

function named(state: LabState, plan: LabPlan, word: string): WayEnd {
  const id = targetId(state, plan, word);
  for (const cluster of plan.clusters) {
    const pod = cluster.pods.find((one) => one.id === id);
    // A pod on the host network is its node to every packet.
    if (pod !== undefined && !pod.hostNetwork) return { kind: 'pod', id, cluster: cluster.name, port: null };
    const node = cluster.nodes.find((one) => one.id === id || (pod !== undefined && one.name === pod.node));
    if (node !== undefined) return { kind: 'node', id: node.id, cluster: cluster.name, port: null };
  }
  const netns = containersOf(plan).find((container) => container.id === id)?.netns;
  // A container in the network of its host, or of another container, is that to every packet.
  const owner = netns === undefined ? null : (containersOf(plan).find((one) => one.netns === netns && ownsNetns(one)) ?? null);
  if (owner !== null) return { kind: 'host', id: owner.id, cluster: '', port: null };
  const machine = plan.machines.find((one) => one.id === id || one.netns === netns);
  if (machine !== undefined) return { kind: machine.kind === 'router' ? 'router' : 'host', id: machine.id, cluster: '', port: null };
  throw usage(`${word} is neither a pod, a node, a host nor a Service`, 'the switches pass packets on, they open no connections');
}

/** As elsewhere on the command line; a slip of the pen is guessed. */
function targetId(state: LabState, plan: LabPlan, word: string): string {
  try {
    return resolveTarget(state, word).id;
  } catch (error) {
    const all = [...plan.clusters.flatMap((cluster) => [...cluster.pods, ...cluster.nodes]), ...plan.machines].flatMap((one) => [one.name, one.id]);
    const services = plan.clusters.flatMap((cluster) => cluster.services.map((service) => `svc/${service.name}`));
    const guess = nearest(word, [...all, ...services]);
    const isUnknown = error instanceof LabError && error.code === 'TARGET_UNKNOWN' && error.message.includes(' has no ');
    if (!isUnknown) throw error;
    if (services.includes(`svc/${word}`)) throw unknown(error.message, `a Service is written svc/${word}`, [`svc/${word}`]);
    throw guess === null ? error : unknown(error.message, `did you mean ${guess}? ${error.hint}`, [guess]);
  }
}

function usage(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}

function unknown(message: string, hint: string, candidates: readonly string[]): LabError {
  return new LabError({ code: 'TARGET_UNKNOWN', message, hint, details: { candidates } });
}
