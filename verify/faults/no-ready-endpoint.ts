import type { Snapshot } from '../../engines/port.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { ProxyEntry, ProxyRules } from '../inventory/proxy-rules.ts';
import { readProgrammedPort } from '../inventory/proxy-rules.ts';
import type { Fault, FaultScript } from './fault.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import { fitsService, pickPort, rulesOf, servedPorts } from './service-target.ts';
import { NONE } from './service-rules-missing.ts';
import type { FaultTarget } from './target.ts';

/** What every proxy makes of an EndpointSlice without a ready endpoint: the Service has no way in, and a rule that refuses. */
export const noReadyEndpoint: Fault = {
  id: 'no-ready-endpoint',
  layer: 'service',
  title: 'no endpoint of a Service is ready, as every proxy of the cluster was told',
  diagnosis: 'service-has-no-endpoints',
  check: 'service-cluster-ip',
  fits: (target) =>
    fitsService(target, isPlain, servedPorts(target).length === 0 ? NONE : 'every Service of the lab that pods serve has addresses from outside'),
  script: (target, snapshot) => {
    const { service } = pickPort(target, snapshot, isPlain).port;
    const scripts = target.cluster.nodes.map((node) => withoutEndpoints({ ...target, node }, snapshot, service));
    return { inject: scripts.flatMap((one) => one.inject), undo: scripts.flatMap((one) => one.undo) };
  },
};

/** The rules of other addresses lead to the same chains, and the kernel removes no chain that a rule leads to. */
const isPlain = (port: ProxiedPort): boolean => port.externalIPs.length === 0 && port.loadBalancerIPs.length === 0;

function withoutEndpoints(target: FaultTarget, snapshot: Snapshot, service: ServicePlan): FaultScript {
  const { node } = target;
  const rules = rulesOf(target, snapshot);
  const ports = servedPorts(target).filter((port) => port.service.id === service.id);
  const found = ports.map((port) => readProgrammedPort(rules, port));
  const entries = found.flatMap((one) => [one.clusterIP, one.nodePort]).flatMap((entry) => entry ?? []);
  const own = [...found.flatMap((one) => [...one.balancing, ...one.endpoints.map((has) => has.chain)]), ...entries.map((entry) => entry.chain)];
  const gone = new Map([...new Set(own)].map((name): [string, null] => [name, null]));
  const names = ports.map((port) => port.name);
  if (rules.mode === 'nftables')
    return changeProxy(node.netns, rules, { chains: gone, without: entries, with: refusingElements(target, node, service, names) });
  const chains = new Map<string, readonly string[] | null>(gone);
  for (const place of new Set(entries.map((entry) => entry.place))) chains.set(place, without(rules, place, entries));
  const filters = new Map<string, readonly string[]>();
  for (const { place, text } of refusingRules(target, node, service, names))
    filters.set(place, [...(filters.get(place) ?? listedRules(rules, place, 'filters')), text]);
  return changeProxy(node.netns, rules, { chains, filters });
}

function without(rules: ProxyRules, place: string, entries: readonly ProxyEntry[]): readonly string[] {
  const parsed = rules.chains.get(place)?.rules ?? [];
  return listedRules(rules, place).filter((_, index) => !entries.some((entry) => entry.text === parsed[index]?.text));
}

/** The cluster as its API would have it. */
function unready({ cluster }: FaultTarget, service: ServicePlan): FaultTarget['cluster'] {
  const told: ServicePlan = { ...service, publishNotReadyAddresses: false, endpoints: service.endpoints.map((one) => ({ ...one, ready: false })) };
  return { ...cluster, services: cluster.services.map((one) => (one.id === service.id ? told : one)) };
}

type Refusal = Pick<ProxyEntry, 'place' | 'text'>;

function refusingRules(target: FaultTarget, node: NodePlan, service: ServicePlan, names: readonly string[]): readonly Refusal[] {
  return iptablesServiceRules(unready(target, service), node, target.family)
    .split('\n')
    .filter((line) => names.some((name) => line.includes(`"${name} has no endpoints"`)))
    .map((line) => ({ place: line.split(' ')[1] ?? '', text: line.replace(/^-A \S+ /, '') }));
}

function refusingElements(target: FaultTarget, node: NodePlan, service: ServicePlan, names: readonly string[]): readonly Refusal[] {
  return nftablesServiceRules(unready(target, service), node, target.family)
    .split('\n')
    .flatMap((line): readonly Refusal[] => {
      const found = /^add element \S+ \S+ (no-endpoint-\S+) \{ (.*) \}$/.exec(line);
      return found !== null && names.some((name) => line.includes(`"${name}"`)) ? [{ place: found[1] ?? '', text: found[2] ?? '' }] : [];
    });
}
