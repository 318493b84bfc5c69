import { parseResolvConf } from '../dns/expect.ts';
import { nodeConf } from '../dns/node-conf.ts';
import { resolvLine } from '../dns/resolv-line.ts';
import type { ClusterEnds } from '../endpoints.ts';
import { execLine, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';
import { dnsService, withoutDns } from '../dns/clients.ts';
import type { PodPlan } from '../../topology/plan.ts';
import { nodeResolvConf, resolvConf, type ResolvConf } from '../../topology/services/resolv-conf.ts';
import { NO_PROBES, type Check } from './check.ts';
import { concludeCount, countFailure, countUnknown, startCount } from './count.ts';

/** Above that many pods of a cluster one of each kind and node is read: each takes a process. */
const MOST_PODS = 200;
/** Processes at once. */
const TOGETHER = 8;

/** /etc/resolv.conf of every pod, as a program in it reads it, against what kubelet makes of dnsPolicy and dnsConfig. Servers, search list and options, in order. */
export const dnsResolvConf: Check = {
  id: 'dns-resolv-conf',
  title: 'every pod has the resolv.conf of its dnsPolicy',
  suite: 'dns',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const count = startCount();
    for (const cluster of run.clusters.filter((one) => dnsService(one) !== undefined)) {
      const pods = podsToRead(run, cluster);
      const nodes = new Map(await Promise.all(cluster.plan.nodes.map(async (node) => [node.name, await nodeConf(run, node.netns)] as const)));
      count.planned += pods.length;
      for (let at = 0; at < pods.length; at += TOGETHER) {
        const some = pods.slice(at, at + TOGETHER);
        const read = await Promise.all(some.map((pod) => readConf(run, pod)));
        some.forEach((pod, index) => {
          const conf = read[index];
          const node = nodes.get(pod.node) ?? null;
          const expected = node === null ? '' : resolvLine(resolvConf(pod, cluster.plan, node));
          if (node === null) countUnknown(count, 1, `${pod.id}: the resolv.conf of its node could not be read`);
          else if (conf === undefined || typeof conf === 'string') countUnknown(count, 1, `${pod.id}: ${conf ?? 'not read'}`);
          else if (resolvLine(conf) === expected) count.passed++;
          else countFailure(count, () => failureOf(run, pod, resolvLine(conf), expected));
        });
      }
    }
    return concludeCount(dnsResolvConf, count, withoutDns(run), NO_PROBES);
  },
};

function podsToRead(run: Run, { plan, cast }: ClusterEnds): readonly PodPlan[] {
  const all = cast === null ? plan.pods : plan.pods.filter((pod) => cast.asks.has(pod.id));
  if (all.length <= MOST_PODS) return all;
  const kinds = new Map(all.map((pod) => [`${pod.node} ${resolvLine(resolvConf(pod, plan, nodeResolvConf(run.plan)))}`, pod]));
  run.notLookedAt.push(`resolv.conf of ${all.length - kinds.size} pods of ${plan.name}: one of each kind was read on every node`);
  return [...kinds.values()];
}

async function readConf(run: Run, pod: PodPlan): Promise<ResolvConf | string> {
  try {
    const { exitCode, stdout, stderr } = await run.session.run(pod.netns, ['cat', '/etc/resolv.conf'], { id: pod.id });
    return exitCode === 0 ? parseResolvConf(stdout) : stderr.trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function failureOf(run: Run, pod: PodPlan, saw: string, expected: string): ProbedFailure {
  const node = `${pod.cluster}/${pod.node}`;
  return {
    again: null,
    failure: {
      saw,
      expected,
      check: dnsResolvConf.id,
      class: 'finding',
      client: pod.id,
      clientNode: node,
      server: '',
      serverNode: node,
      family: null,
      protocol: null,
      attempt: 0,
      diagnosis: '',
      conntrack: [],
      next: execLine(run.plan, pod.id, ['cat', '/etc/resolv.conf']),
    },
  };
}
