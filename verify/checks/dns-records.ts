import { askServer, type Answer } from '../dns/ask.ts';
import { dnsClients, dnsService, namedClusters } from '../dns/clients.ts';
import { answerProblem, describeExpected, failureClass, questionsOf, type ExpectedAnswer } from '../dns/expect.ts';
import type { End } from '../endpoints.ts';
import { endFailure, execLine, type ProbedFailure } from '../failure.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { Run } from '../run.ts';
import type { Family } from '../../topology/spec.ts';
import { concludeCheck, type Check } from './check.ts';

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
    const pairs = { planned: 0, passed: 0, failed: 0, inconclusive: 0 };
    const failures: ProbedFailure[] = [];
    const reasons: string[] = [];
    for (const cluster of clusters) {
      const { asked, left } = questionsOf(cluster.plan);
      if (left > 0) run.notLookedAt.push(`${left} more records of ${cluster.plan.name}: the first ones were asked for`);
      if (cluster.plan.cni.type === 'observed')
        run.notLookedAt.push(
          `names of pods of ${cluster.plan.name} by their address: what the DNS of a cluster that was found makes of them is its own setting`,
        );
      for (const server of dnsService(cluster)?.clusterIPs ?? []) {
        const family: Family = server.includes(':') ? 'ipv6' : 'ipv4';
        if (!run.options.families.includes(family)) continue;
        for (const client of dnsClients(run, cluster, family)) {
          pairs.planned += asked.length;
          const answers = await ask(run, client, server, asked);
          if (typeof answers === 'string') {
            pairs.inconclusive += asked.length;
            reasons.push(`${client.id}: ${answers}`);
            continue;
          }
          asked.forEach((expected, at) => {
            const saw = answerProblem(expected, answers[at] ?? { failed: 'silent' });
            if (saw === null) {
              pairs.passed++;
              return;
            }
            pairs.failed++;
            if (failures.length < FAILURE_LIMIT) failures.push(failureOf(run, client, server, family, expected, answers[at], saw));
          });
        }
      }
    }
    const counts = { ok: pairs.passed, failed: pairs.failed, inconclusive: pairs.inconclusive };
    return concludeCheck(dnsRecords, { pairs, counts, failures, failuresTotal: pairs.failed, reasons, nothing });
  },
};

async function ask(run: Run, client: End, server: string, asked: readonly ExpectedAnswer[]): Promise<readonly Answer[] | string> {
  try {
    return await askServer(
      run.session,
      client.endpoint.netns,
      server,
      asked.map(({ question }) => question),
      run.options.deadlineMs,
    );
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

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
