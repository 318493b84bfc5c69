import { askServer, resolveNames, type Answer, type Question } from '../dns/ask.ts';
import { dnsClients, dnsServers, dnsService, DNS_PORT } from '../dns/clients.ts';
import { answerProblem, describeExpected, failureClass, type ExpectedAnswer } from '../dns/expect.ts';
import { dialledAddress, speaks, type ClusterEnds, type End } from '../endpoints.ts';
import { endFailure, execLine, type ProbedFailure } from '../failure.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { Run } from '../run.ts';
import { dnsZone, resolveDns } from '../../topology/services/dns-records.ts';
import { nodeResolvConf, resolvConf } from '../../topology/services/resolv-conf.ts';
import type { Family } from '../../topology/spec.ts';
import { concludeCheck, type Check } from './check.ts';

/** Clients that climb at once: each takes a process or two. */
const TOGETHER = 4;

/**
 * One name, asked for rung by rung: of each server by itself, then by each node and a pod of it: of the servers by their pod addresses, of the address of
 * the Service, and last by the pod's own resolver. UDP and TCP. The first rung that breaks names the cause, so none above it is climbed.
 */
export const dnsLadder: Check = {
  id: 'dns-ladder',
  title: 'the DNS answers at itself, by its pod address, by its Service, by resolv.conf',
  suite: 'dns',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const found: Found = { planned: 0, passed: 0, failed: 0, reasons: [], failures: [] };
    for (const cluster of run.clusters) {
      for (const address of dnsService(cluster)?.clusterIPs ?? []) {
        const family: Family = address.includes(':') ? 'ipv6' : 'ipv4';
        if (run.options.families.includes(family)) await climb(run, cluster, family, address, found);
      }
    }
    const { planned, passed, failed, reasons, failures } = found;
    const inconclusive = planned - passed - failed;
    return concludeCheck(dnsLadder, {
      pairs: { planned, passed, failed, inconclusive },
      counts: { ok: passed, failed, inconclusive },
      failures,
      failuresTotal: failed,
      reasons,
      nothing: 'no cluster of the lab has DNS',
    });
  },
};

/** Rungs that were to be climbed, and what became of them; what neither passed nor failed was not reached. */
interface Found {
  planned: number;
  passed: number;
  failed: number;
  readonly reasons: string[];
  readonly failures: ProbedFailure[];
}

const PROTOCOLS = ['udp', 'tcp'] as const;

async function climb(run: Run, cluster: ClusterEnds, family: Family, address: string, found: Found): Promise<void> {
  const asked = questionOf(cluster, family);
  if (asked === null) return;
  const servers = dnsServers(cluster, family)
    .flatMap((index) => cluster.ends[index] ?? [])
    .filter((end) => speaks(end, family));
  const alive: End[] = [];
  for (const server of servers) {
    // In a real cluster nothing can be run in its pod: whether it answers itself is left to those who ask it.
    if (!server.asks || (await ask(run, server, server, dialledAddress(server, family), asked, found))) alive.push(server);
  }
  if (servers.length === 0) run.notLookedAt.push(`the servers of the DNS of ${cluster.plan.name} by their own addresses: which pods they are is not known`);
  const mute = servers.filter((server) => !server.asks).length;
  if (mute > 0) run.notLookedAt.push(`whether ${mute} servers of the DNS of ${cluster.plan.name} answer themselves: nothing can be run in their pods`);
  const clients = dnsClients(run, cluster, family);
  for (let at = 0; at < clients.length; at += TOGETHER) {
    await Promise.all(
      clients.slice(at, at + TOGETHER).map(async (client) => {
        const reached = await Promise.all(
          servers.map(async (server) => {
            if (!alive.includes(server)) return notClimbed(found, PROTOCOLS.length, `${server.id} does not answer itself`);
            return client === server || (await ask(run, client, server, dialledAddress(server, family), asked, found));
          }),
        );
        if (cluster.plan.kubeProxy.mode === 'none') return;
        const byName = asksByName(run, cluster, client, address);
        const above = PROTOCOLS.length + (byName ? 1 : 0);
        if (servers.length > 0 && !reached.includes(true)) notClimbed(found, above, `${client.id} reaches no server`);
        else if (!(await ask(run, client, null, address, asked, found))) notClimbed(found, byName ? 1 : 0, `${client.id} gets no answer from ${address}`);
        else if (byName) await resolve(run, client, family, asked, found);
      }),
    );
  }
}

function notClimbed(found: Found, rungs: number, reason: string): false {
  found.planned += rungs;
  if (rungs > 0) found.reasons.push(reason);
  return false;
}

/** A name that every cluster with DNS has: that of the DNS. */
function questionOf(cluster: ClusterEnds, family: Family): readonly ExpectedAnswer[] | null {
  const zone = dnsZone(cluster.plan);
  const expected = PROTOCOLS.flatMap((protocol): readonly ExpectedAnswer[] => {
    const question: Question = { name: `kube-dns.kube-system.svc.${zone.domain}`, type: family === 'ipv4' ? 'A' : 'AAAA', protocol };
    const answer = resolveDns(zone, question);
    return answer === null ? [] : [{ question, answer }];
  });
  return expected.length === 0 ? null : expected;
}

/** One rung: true when both protocols were answered. `server` null: whoever is behind the address. */
async function ask(run: Run, client: End, server: End | null, address: string, asked: readonly ExpectedAnswer[], found: Found): Promise<boolean> {
  found.planned += asked.length;
  const answers = await tried(() =>
    askServer(
      run.session,
      client.endpoint.netns,
      address,
      asked.map(({ question }) => question),
      run.options.deadlineMs,
    ),
  );
  if (typeof answers === 'string') {
    found.reasons.push(`${client.id}: ${answers}`);
    return false;
  }
  const problems = asked.map((expected, at) => {
    const answer = answers[at] ?? { failed: 'silent' };
    const saw = answerProblem(expected, answer);
    if (saw === null) found.passed++;
    else tell(found, failureOf(run, client, server, address, expected, answer, saw));
    return saw;
  });
  return problems.every((saw) => saw === null);
}

function failureOf(run: Run, client: End, server: End | null, address: string, expected: ExpectedAnswer, answer: Answer, saw: string): ProbedFailure {
  const { name, type, protocol } = expected.question;
  const { failure } = endFailure(run.plan, client, {
    check: dnsLadder.id,
    family: address.includes(':') ? 'ipv6' : 'ipv4',
    class: failureClass(answer),
    saw: `${server === null ? 'the Service' : server === client ? 'its own server' : server.id} at ${address} by ${protocol}: ${saw}`,
    expected: describeExpected(expected),
  });
  const words = [`@${address}`, ...(protocol === 'tcp' ? ['+tcp'] : []), name, type];
  return {
    again: null,
    failure: {
      ...failure,
      protocol,
      port: DNS_PORT,
      server: server?.id ?? '',
      serverNode: server?.nodeId ?? failure.serverNode,
      next: execLine(run.plan, client.id, ['dig', ...words]),
    },
  };
}

/** Does its resolv.conf lead to the address? A node's does not. */
function asksByName(run: Run, cluster: ClusterEnds, { pod }: End, address: string): boolean {
  return pod !== null && resolvConf(pod, cluster.plan, nodeResolvConf(run.plan)).nameservers.includes(address);
}

async function resolve(run: Run, client: End, family: Family, asked: readonly ExpectedAnswer[], found: Found): Promise<void> {
  const [expected] = asked;
  if (expected === undefined) return;
  found.planned++;
  // With a dot behind, so that the search list has no part in it.
  const name = `${expected.question.name}.`;
  const answers = await tried(() => resolveNames(run.session, client.endpoint.netns, [{ name, family: family === 'ipv4' ? 4 : 6 }], run.options.deadlineMs));
  if (typeof answers === 'string') {
    found.reasons.push(`${client.id}: ${answers}`);
    return;
  }
  const got = answers[0] ?? { failed: 'no answer' };
  const wanted = expected.answer.answers.flatMap((record) => ('address' in record ? [record.address] : [])).sort();
  const saw = 'failed' in got ? got.failed : [...new Set(got)].sort().join(', ');
  if (saw === wanted.join(', ')) {
    found.passed++;
    return;
  }
  const { failure } = endFailure(run.plan, client, {
    check: dnsLadder.id,
    family,
    class: 'finding',
    saw: `${name} by resolv.conf: ${saw}`,
    expected: wanted.join(', '),
  });
  tell(found, { again: null, failure: { ...failure, next: execLine(run.plan, client.id, ['cat', '/etc/resolv.conf']) } });
}

function tell(found: Found, failure: ProbedFailure): void {
  found.failed++;
  if (found.failures.length < FAILURE_LIMIT) found.failures.push(failure);
}

async function tried<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
