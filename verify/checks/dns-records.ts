import { answersOf, askServer, type Answer } from '../dns/ask.ts';
import { dnsClients, dnsService, namedClusters } from '../dns/clients.ts';
import { answerProblem, describeExpected, failureClass, questionsOf, type ExpectedAnswer } from '../dns/expect.ts';
import type { End } from '../endpoints.ts';
import { endFailure, execLine, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';
import type { Family } from '../../topology/spec.ts';
import type { Check } from './check.ts';
import { concludeCount, countFailure, countUnknown, startCount } from './count.ts';

/**
 * Every record of the cluster's DNS, asked of the address of its Service by each node and a pod on it: services, endpoints of headless ones, SRV, PTR,
 * aliases, pods' own names, and what does not exist. UDP, and TCP once for each type.
 */
export const dnsRecords: Check = {
  id: 'dns-records',
  title: 'the DNS answers with every record of the cluster, on every node',
  suite: 'dns',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const { clusters, nothing } = namedClusters(run);
    const count = startCount();
    for (const cluster of clusters) {
      const { asked, left } = questionsOf(cluster.plan);
      const questions = asked.map(({ question }) => question);
      if (left > 0) run.notLookedAt.push(`${left} more records of ${cluster.plan.name}: the first ones were asked for`);
      if (cluster.plan.cni.type === 'observed')
        run.notLookedAt.push(
          `names of pods of ${cluster.plan.name} by their address: what the DNS of a cluster that was found makes of them is its own setting`,
        );
      for (const server of dnsService(cluster)?.clusterIPs ?? []) {
        const family: Family = server.includes(':') ? 'ipv6' : 'ipv4';
        if (!run.options.families.includes(family)) continue;
        for (const client of dnsClients(run, cluster, family)) {
          count.planned += asked.length;
          const answers = await answersOf(askServer(run.session, client.endpoint.netns, server, questions, run.options.deadlineMs));
          if (typeof answers === 'string') {
            countUnknown(count, asked.length, `${client.id}: ${answers}`);
            continue;
          }
          asked.forEach((expected, at) => {
            const saw = answerProblem(expected, answers[at] ?? { failed: 'silent' });
            if (saw === null) count.passed++;
            else countFailure(count, () => failureOf(run, client, server, family, expected, answers[at], saw));
          });
        }
      }
    }
    return concludeCount(dnsRecords, count, nothing);
  },
};

function failureOf(run: Run, client: End, server: string, family: Family, expected: ExpectedAnswer, answer: Answer | undefined, saw: string): ProbedFailure {
  const { name, type, protocol } = expected.question;
  const { failure } = endFailure(run.plan, client, {
    check: dnsRecords.id,
    family,
    class: failureClass(answer),
    saw: `${type} ${name} by ${protocol}: ${saw}`,
    expected: describeExpected(expected),
  });
  return { again: null, failure: { ...failure, protocol, next: execLine(run.plan, client.id, ['dig', `@${server}`, name, type]) } };
}
