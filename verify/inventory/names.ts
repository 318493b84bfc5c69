/** Questions for names that failed, from the server up: does it run, does the proxy lead to it, do the pods ask it. */
import type { NodePlan } from '../../topology/plan.ts';
import { isClusterDns } from '../../topology/services/cluster-services.ts';
import { formatResolvConf, nodeResolvConf, resolvConf } from '../../topology/services/resolv-conf.ts';
import { proxiedPortsOf } from '../../topology/services/proxy/proxied-ports.ts';
import type { Family } from '../../topology/spec.ts';
import { DNS_PORT } from '../dns/clients.ts';
import { mendForwarding, tellsOfLoop } from '../dns/forwarding.ts';
import { restartServer } from '../dns/restart-server.ts';
import { searchOf } from '../dns/resolv-line.ts';
import type { Finding } from './finding.ts';
import { asksForNames, type Flow, isDead, nameServers } from './flow.ts';
import { type EndpointView, execInPod, type LabView, namespaceOf } from './lab-view.ts';
import { readProgrammedPort, readProxyRules } from './proxy-rules.ts';
import { mendEntries } from './service-mends.ts';

/** Deviations behind questions for names that failed; nothing where none did. */
export function inventoryNames(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  const asked = flows.filter((flow) => asksForNames(flow.failure));
  const clusters = [...new Map(asked.map((flow) => [`${flow.client.node.cluster} ${flow.family}`, flow])).values()];
  return [
    ...clusters.flatMap((flow) => servers(view, flow.client.node.cluster, flow.family)),
    ...nodesOf(asked).flatMap(({ node, family }) => addresses(view, node, family)),
    ...searchLists(view, flows),
  ];
}

/** No answer to a question for a name: nothing came back, or a refusal. */
function isUnanswered(flow: Flow): boolean {
  return asksForNames(flow.failure) && isDead(flow);
}

/** Servers that do not listen. */
function servers(view: LabView, cluster: string, family: Family): readonly Finding[] {
  const all = nameServers(view, cluster, family);
  const down = all.filter((server) => !isListening(view, server));
  return down.map((server): Finding => {
    const last = namespaceOf(view, server.netns)?.dnsServerEnded ?? '';
    const looped = tellsOfLoop(last);
    const mend = looped ? mendForwarding(server.netns, nodeResolvConf(view.plan).nameservers) : restartServer(server.netns);
    return {
      name: looped ? 'dns-forwarding-loop' : 'dns-server-down',
      where: [server.id],
      certainty: 'certain',
      evidence: [
        `nothing in ${server.id} listens on port ${DNS_PORT}`,
        ...(last === '' ? [] : [`its server has ended, and wrote last: ${last}`]),
        ...(all.length > 1 ? [`${down.length} of ${all.length} servers of ${cluster} are down`] : []),
      ],
      mend: server.pod === null ? '' : execInPod(view, server.pod, mend),
      // Behind the address of the Service any of them may have been asked.
      explains: (flow) => isUnanswered(flow) && flow.client.node.cluster === cluster && (flow.failure.server === '' || flow.failure.server === server.id),
    };
  });
}

/** Does a process of the pod take TCP on the port? True where that was not read. */
export function isListening(view: LabView, server: EndpointView): boolean {
  return namespaceOf(view, server.netns)?.listening.some((socket) => socket.endsWith(`:${DNS_PORT}`)) ?? true;
}

function nodesOf(flows: readonly Flow[]): readonly { readonly node: NodePlan; readonly family: Family }[] {
  return [...new Map(flows.map(({ client, family }) => [`${client.node.id} ${family}`, { node: client.node, family }])).values()];
}

/** The address of the DNS Service, where the proxy of a node does not take it. */
function addresses(view: LabView, node: NodePlan, family: Family): readonly Finding[] {
  const cluster = view.clusters.get(node.cluster);
  const service = cluster?.services.find(isClusterDns);
  const rules = cluster === undefined ? null : readProxyRules(namespaceOf(view, node.netns), cluster.kubeProxy.mode, family);
  if (cluster === undefined || service === undefined || rules === null) return [];
  const absent = proxiedPortsOf(service, node, family)
    .filter(({ port, internal }) => port.port === DNS_PORT && internal === 'serve')
    .map((port) => ({ cluster, node, family, service, port, rules, found: readProgrammedPort(rules, port) }))
    .filter(({ found }) => found.clusterIP === null && found.refusals.clusterIP === null);
  const [first] = absent;
  if (first === undefined) return [];
  const protocols = absent.map(({ port }) => port.protocol);
  return [
    {
      name: 'dns-vip-not-programmed',
      where: [node.id],
      certainty: 'certain',
      evidence: [
        `nothing on ${node.name} takes ${first.port.clusterIP} port ${DNS_PORT} (${protocols.join(' and ')}) to a server`,
        ...nameServers(view, cluster.name, family)
          .filter((server) => isListening(view, server))
          .map((server) => `${server.id} listens on port ${DNS_PORT}`),
      ],
      mend: absent.map((place) => mendEntries(view, place)).join('; '),
      explains: (flow) =>
        isUnanswered(flow) &&
        flow.failure.server === '' &&
        flow.client.node.id === node.id &&
        flow.family === family &&
        (flow.failure.protocol === null || protocols.some((protocol) => protocol === flow.failure.protocol)),
    },
  ];
}

/** Pods whose search list is another than kubelet would write. */
function searchLists(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  return flows.flatMap(({ failure }): readonly Finding[] => {
    const saw = searchOf(failure.saw);
    const expected = searchOf(failure.expected);
    const pod = view.pods.find((one) => one.id === failure.client);
    const cluster = pod === undefined ? undefined : view.clusters.get(pod.cluster);
    if (failure.check !== 'dns-resolv-conf' || saw === expected || pod === undefined || cluster === undefined) return [];
    const text = formatResolvConf(resolvConf(pod, cluster, nodeResolvConf(view.plan)));
    return [
      {
        name: 'resolver-search-differs',
        where: [pod.id],
        certainty: 'certain',
        evidence: [`the search list of ${pod.id} is: ${saw}`, `its dnsPolicy ${pod.dnsPolicy} gives: ${expected}`],
        // Written into the file: it is mounted, and cannot be replaced.
        mend: execInPod(view, pod, ['sh', '-c', 'printf %s "$1" > /etc/resolv.conf', 'sh', text]),
        explains: (flow) => flow.failure.client === pod.id && (flow.failure.check === 'dns-resolv-conf' || flow.failure.check === 'dns-search'),
      },
    ];
  });
}
