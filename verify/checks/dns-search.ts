import { answersOf, resolveNames } from '../dns/ask.ts';
import { mayAsk, namedClusters } from '../dns/clients.ts';
import { searchAnswer } from '../dns/expect.ts';
import { hasOwnResolvers, nodeConf } from '../dns/node-conf.ts';
import { askers, type ClusterEnds, type End } from '../endpoints.ts';
import { endFailure, execLine, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';
import type { PodPlan } from '../../topology/plan.ts';
import { dnsZone } from '../../topology/services/dns-records.ts';
import { formatResolvConf, nodeResolvConf, resolvConf, type ResolvConf } from '../../topology/services/resolv-conf.ts';
import type { Family } from '../../topology/spec.ts';
import type { Check } from './check.ts';
import { concludeCount, countFailure, countUnknown, startCount } from './count.ts';

/** Pods that resolve names: each with a resolv.conf of its own kind. */
const MOST_PODS = 20;

/**
 * Names as programs use them, through the resolver of the system and the pod's own resolv.conf: `web`, `web.default`, `web.default.svc`, the full name, and one
 * that does not exist. One pod of each kind of resolv.conf that leads to the cluster's DNS.
 */
export const dnsSearch: Check = {
  id: 'dns-search',
  title: 'short names are found through the search list of the pod',
  suite: 'dns',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const { clusters, nothing } = namedClusters(run);
    const count = startCount();
    for (const cluster of clusters) {
      for (const { end, pod } of resolvers(run, cluster)) {
        const conf = resolvConf(pod, cluster.plan, (await nodeConf(run, end.endpoint.node ?? '')) ?? undefined);
        const asked = namesFor(run, cluster, end, conf);
        count.planned += asked.length;
        const names = asked.map(({ name, family }) => ({ name, family: family === 'ipv4' ? (4 as const) : (6 as const) }));
        const found = await answersOf(resolveNames(run.session, end.endpoint.netns, names, run.options.deadlineMs));
        if (typeof found === 'string') {
          countUnknown(count, asked.length, `${end.id}: ${found}`);
          continue;
        }
        asked.forEach(({ name, family, expected }, at) => {
          const got = found[at] ?? { failed: 'no answer' };
          const addresses = 'failed' in got ? [] : [...new Set(got)].sort();
          const saw = 'failed' in got ? got.failed : addresses.join(', ');
          if (addresses.join() === [...expected].sort().join()) count.passed++;
          else countFailure(count, () => failureOf(run, end, name, family, saw, expected.join(', ') || 'no such name'));
        });
      }
    }
    return concludeCount(dnsSearch, count, clusters.length === 0 ? nothing : 'no pod asks the DNS of its cluster');
  },
};

interface Resolver {
  readonly end: End;
  readonly pod: PodPlan;
}

/** The first pod of each kind of resolv.conf that names a server. */
function resolvers(run: Run, cluster: ClusterEnds): readonly Resolver[] {
  const node = nodeResolvConf(run.plan);
  const kinds = new Map<string, Resolver>();
  for (const index of askers(cluster, cluster.pods, 'asks')) {
    const end = cluster.ends[index];
    if (end?.pod === undefined || end.pod === null || !end.endpoint.addresses.every(({ family }) => mayAsk(cluster, index, family))) continue;
    const conf = resolvConf(end.pod, cluster.plan, node);
    const leads = conf.nameservers.some((server) => cluster.plan.services.some((service) => service.clusterIPs.includes(server)));
    const key = formatResolvConf(conf);
    if (leads && !kinds.has(key)) kinds.set(key, { end, pod: end.pod });
  }
  if (kinds.size > MOST_PODS) run.notLookedAt.push(`names as ${kinds.size - MOST_PODS} more kinds of pods of ${cluster.plan.name} resolve them`);
  return [...kinds.values()].slice(0, MOST_PODS);
}

interface AskedName {
  readonly name: string;
  readonly family: Family;
  readonly expected: readonly string[];
}

/** Every form of the name of one Service of the pod's namespace (else of the API's), and of one that is not there. */
function namesFor(run: Run, cluster: ClusterEnds, { pod }: End, conf: ResolvConf): readonly AskedName[] {
  const zone = dnsZone(cluster.plan);
  const named = cluster.plan.services.filter((service) => service.type !== 'ExternalName');
  const service = named.findLast((one) => one.namespace === pod?.namespace && !one.headless) ?? named.find((one) => one.namespace === 'default') ?? named[0];
  if (service === undefined) return [];
  const { name, namespace } = service;
  // Where the lab has resolvers of its own they would be asked in the end, and nobody need answer there: then a name that stays in the cluster.
  const own = !hasOwnResolvers(run) && nodeResolvConf(run.plan).nameservers.length === 0;
  const absent = own ? `no-such-name.${namespace}` : `no-such-name.${namespace}.svc.${zone.domain}.`;
  const forms = [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.${zone.domain}.`, absent];
  return run.options.families
    .filter((family) => service.families.includes(family))
    .flatMap((family) =>
      forms.flatMap((form): readonly AskedName[] => {
        const expected = searchAnswer(zone, conf, form, family === 'ipv4' ? 'A' : 'AAAA');
        // What the outside would have to answer is not for the cluster to say: nothing, where nobody is asked.
        return expected === null && form !== absent ? [] : [{ name: form, family, expected: expected ?? [] }];
      }),
    );
}

function failureOf(run: Run, end: End, name: string, family: Family, saw: string, expected: string): ProbedFailure {
  const { failure } = endFailure(run.plan, end, {
    check: dnsSearch.id,
    family,
    class: saw === 'EAI_AGAIN' ? 'silent' : 'finding',
    saw: `${name}: ${saw}`,
    expected,
  });
  return { again: null, failure: { ...failure, next: execLine(run.plan, end.id, ['getent', family === 'ipv4' ? 'ahostsv4' : 'ahostsv6', name]) } };
}
