/** Which Service a fault is injected at: the first of the cluster that can show it. */
import type { Snapshot } from '../../engines/port.ts';
import { type ProxiedPort, proxiedPorts } from '../../topology/services/proxy/proxied-ports.ts';
import { type ProgrammedPort, type ProxyRules, readProgrammedPort, readProxyRules } from '../inventory/proxy-rules.ts';
import { isService } from '../../topology/services/cluster-services.ts';
import { namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** Ports of the author's Services that the proxy of the target's node serves from pods of the lab. */
export function servedPorts(target: FaultTarget): readonly ProxiedPort[] {
  const written = new Set(target.cluster.objects.filter(isService).map(({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}`));
  return proxiedPorts(target.cluster, target.node, target.family).filter(
    (port) =>
      port.internal === 'serve' &&
      port.protocol !== 'sctp' &&
      written.has(`${port.service.namespace}/${port.service.name}`) &&
      port.service.endpoints.every((one) => one.pod !== null && target.cluster.pods.some((pod) => pod.id === one.pod && !pod.hostNetwork)),
  );
}

/** true where some port is `wanted`, else the reason. `lacking`: what no Service of the lab has, for people. */
export function fitsService(target: FaultTarget, wanted: (port: ProxiedPort) => boolean, lacking: string): true | string {
  const { mode } = target.cluster.kubeProxy;
  if (mode !== 'iptables' && mode !== 'nftables') return `kubeProxy mode ${mode} has no rules of its own to break`;
  return servedPorts(target).some(wanted) ? true : lacking;
}

/** The port to break, with what is programmed of it. */
export interface PickedPort {
  readonly port: ProxiedPort;
  readonly rules: ProxyRules;
  readonly found: ProgrammedPort;
}

/** The first `wanted` port, read from the rules of the target's node; TCP before UDP. @throws RangeError when `fits` was not asked before */
export function pickPort(target: FaultTarget, snapshot: Snapshot, wanted: (port: ProxiedPort) => boolean): PickedPort {
  const [port] = servedPorts(target)
    .filter(wanted)
    .toSorted((a, b) => Number(a.protocol === 'udp') - Number(b.protocol === 'udp'));
  const rules = rulesOf(target, snapshot);
  if (port === undefined) throw new RangeError(`no Service of ${target.cluster.name} can show it`);
  return { port, rules, found: readProgrammedPort(rules, port) };
}

/** The rules of the proxy on a node of the target's cluster. @throws RangeError when the node has none */
export function rulesOf({ cluster, node, family }: FaultTarget, snapshot: Snapshot): ProxyRules {
  const rules = readProxyRules(namespaceIn(snapshot, node.netns), cluster.kubeProxy.mode, family);
  if (rules === null) throw new RangeError(`no rules of a proxy were read on ${node.name}`);
  return rules;
}

/** Chosen from at least two, without session affinity: each endpoint has its share of every client. */
export function isShared({ service, cluster }: ProxiedPort): boolean {
  return service.affinitySeconds === null && service.internalTrafficPolicy === 'Cluster' && cluster.length > 1;
}
