/** What a container runtime hands to CNI plugins (CNI spec 1.0.0, sections 2 and 4), pure. */
import type { Op } from '../ops.ts';
import { netnsPath } from './netns-path.ts';

export type CniOp = Extract<Op, { readonly op: 'cni' }>;
export type CniCommand = 'ADD' | 'DEL' | 'CHECK';
export type Json = Readonly<Record<string, unknown>>;

/** One plugin of a chain and the interface it is called for. */
export interface ChainLink {
  readonly type: string;
  readonly ifname: string;
  readonly list: Json;
  readonly entry: Json;
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As runtimes do it, `lo` is set up by a list of its own before the pod's network. */
export function loopbackLink(op: CniOp): ChainLink {
  const list = { cniVersion: op.list['cniVersion'], name: 'cni-loopback' };
  return { type: 'loopback', ifname: 'lo', list, entry: { type: 'loopback' } };
}

/** Plugins of the op's list, in order. */
export function chainLinks(op: CniOp): ChainLink[] {
  const plugins = Array.isArray(op.list['plugins']) ? op.list['plugins'] : [];
  return plugins.filter(isObject).map((entry) => ({ type: String(entry['type'] ?? ''), ifname: op.ifname, list: op.list, entry }));
}

/** Configuration of one plugin: its entry, the list's version and name, what it may know of the runtime, and the result before it. */
export function pluginConfig(link: ChainLink, op: CniOp, previous: Json | null): Json {
  const { capabilities, ...entry } = link.entry;
  const runtime = runtimeConfig(isObject(capabilities) ? capabilities : {}, op);
  const ips = plannedIps(op);
  const args = isObject(entry['args']) ? entry['args'] : {};
  const cni = isObject(args['cni']) ? args['cni'] : {};
  return {
    ...entry,
    cniVersion: link.list['cniVersion'],
    name: link.list['name'],
    // CNI_ARGS carries one address; several go the way the conventions document names (CONVENTIONS.md, "args in network config").
    ...(ips.length > 1 && link.type !== 'loopback' ? { args: { ...args, cni: { ...cni, ips } } } : {}),
    ...(Object.keys(runtime).length > 0 ? { runtimeConfig: runtime } : {}),
    ...(previous === null ? {} : { prevResult: previous }),
  };
}

/** Only what the entry declares as a capability, and what there is to say. */
function runtimeConfig(capabilities: Json, op: CniOp): Json {
  const ips = plannedIps(op);
  return {
    ...(capabilities['mac'] === true && op.mac !== '' ? { mac: op.mac } : {}),
    ...(capabilities['portMappings'] === true && op.portMappings.length > 0 ? { portMappings: op.portMappings } : {}),
    ...(capabilities['ips'] === true && ips.length > 0 ? { ips } : {}),
  };
}

/** IPAM plugins that choose the addresses themselves and reject a request, or take only one with a prefix length. */
const OWN_ADDRESSES = new Set(['static', 'dhcp']);

function plannedIps(op: CniOp): readonly string[] {
  const ipams = chainLinks(op).map(({ entry }) => (isObject(entry['ipam']) ? String(entry['ipam']['type'] ?? '') : ''));
  return ipams.some((type) => OWN_ADDRESSES.has(type)) ? [] : op.ips;
}

/** The CNI_* variables (spec, section 2, "Parameters"). */
export function pluginEnvironment(command: CniCommand, link: ChainLink, op: CniOp, path: string): Record<string, string> {
  const ips = plannedIps(op);
  const args = [
    'IgnoreUnknown=1',
    `K8S_POD_NAMESPACE=${op.pod.namespace}`,
    `K8S_POD_NAME=${op.pod.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${op.containerId}`,
    ...(link.type === 'loopback' ? [] : [...(ips.length === 1 ? [`IP=${ips[0]}`] : []), ...(op.mac === '' ? [] : [`MAC=${op.mac}`])]),
  ];
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: op.containerId,
    CNI_NETNS: netnsPath(op.ns),
    CNI_IFNAME: link.ifname,
    CNI_PATH: path,
    CNI_ARGS: args.join(';'),
  };
}

/** Addresses, without prefix length, that a result gives to the pod. */
export function resultIps(result: Json): string[] {
  const ips = Array.isArray(result['ips']) ? result['ips'].filter(isObject) : [];
  return ips.map((ip) => String(ip['address'] ?? '').split('/')[0] ?? '');
}
