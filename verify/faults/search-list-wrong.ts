import type { PodPlan } from '../../topology/plan.ts';
import { formatResolvConf, nodeResolvConf, resolvConf } from '../../topology/services/resolv-conf.ts';
import type { Fault, FaultStep } from './fault.ts';
import type { FaultTarget } from './target.ts';

/** A domain that no cluster of a lab has (RFC 2606). */
const ELSEWHERE = 'cluster.invalid';

/** kubelet with another clusterDomain than the DNS: full names work, short ones do not. */
export const searchListWrong: Fault = {
  id: 'search-list-wrong',
  layer: 'dns',
  title: 'the search list of a pod is that of another cluster',
  diagnosis: 'resolver-search-differs',
  check: 'dns-resolv-conf',
  fits: (target) => (asker(target) === undefined ? `no pod of ${target.node.name} searches for names in ${target.cluster.dnsDomain}` : true),
  script: (target) => {
    const pod = asker(target) ?? target.pod;
    const { plan, cluster } = target;
    const right = resolvConf(pod, cluster, nodeResolvConf(plan));
    const wrong = {
      ...right,
      search: right.search.map((domain) => (isUnder(domain, cluster.dnsDomain) ? domain.slice(0, -cluster.dnsDomain.length) + ELSEWHERE : domain)),
    };
    return { inject: [onFile(pod.netns, REPLACE, formatResolvConf(wrong))], undo: [onFile(pod.netns, RESTORE)] };
  },
};

const isUnder = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);

/** The target itself where it searches in the domain of its cluster, else another pod of its node. */
function asker({ plan, cluster, node, pod }: FaultTarget): PodPlan | undefined {
  const searches = (one: PodPlan): boolean => resolvConf(one, cluster, nodeResolvConf(plan)).search.some((domain) => isUnder(domain, cluster.dnsDomain));
  return [pod, ...cluster.pods.filter((one) => one.node === node.name && one.interface !== null)].find(searches);
}

/** What was found is kept beside it, and comes back. The file stays the same one: it is mounted for the pod. */
const REPLACE = 'test -f "$1" && { test -f "$1.found" || cp -p "$1" "$1.found"; } && printf %s "$2" > "$1"';
const RESTORE = 'test ! -f "$1.found" || { cat "$1.found" > "$1" && rm "$1.found"; }';

/** On the file that is mounted for the pod; never on one that is not the lab's. */
function onFile(netns: string, script: string, ...text: readonly string[]): FaultStep {
  return { netns, argv: ['sh', '-c', script, 'sh', `/run/cnilab/resolv/${netns}.conf`, ...text] };
}
