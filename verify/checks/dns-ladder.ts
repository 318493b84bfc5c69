import { answersOf, askServer, resolveNames, type Answer, type Question } from '../dns/ask.ts';
import { dnsClients, dnsServers, dnsService, DNS_PORT, leadsToDns, withoutDns } from '../dns/clients.ts';
import { answerProblem, describeExpected, failureClass, type ExpectedAnswer } from '../dns/expect.ts';
import { dialledAddress, speaks, type ClusterEnds, type End } from '../endpoints.ts';
import { endFailure, execLine, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';
import { dnsZone, resolveDns } from '../../topology/services/dns-records.ts';
import { nodeResolvConf, resolvConf } from '../../topology/services/resolv-conf.ts';
import type { Family } from '../../topology/spec.ts';
import type { Check } from './check.ts';
import { concludeCount, countFailure, startCount, type Count } from './count.ts';

/** Clients that climb at once: each takes a process or two. */
const TOGETHER = 4;
const RESEND_MS = 300;

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
    const found = startCount();
    for (const cluster of run.clusters) {
      for (const address of dnsService(cluster)?.clusterIPs ?? []) {
        const family: Family = address.includes(':') ? 'ipv6' : 'ipv4';
        if (run.options.families.includes(family)) await climb(run, cluster, family, address, found);
      }
    }
    // What neither passed nor failed was not reached.
    found.inconclusive = found.planned - found.passed - found.failed;
    return concludeCount(dnsLadder, found, withoutDns(run));
  },
};

const PROTOCOLS = ['udp', 'tcp'] as const;

async function climb(run: Run, cluster: ClusterEnds, family: Family, address: string, found: Count): Promise<void> {
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
        if (!leadsToDns(cluster)) return;
        const byName = asksByName(run, cluster, client, address);
        const above = PROTOCOLS.length + (byName ? 1 : 0);
        if (servers.length > 0 && !reached.includes(true)) notClimbed(found, above, `${client.id} reaches no server`);
        else if (!(await ask(run, client, null, address, asked, found))) notClimbed(found, byName ? 1 : 0, `${client.id} gets no answer from ${address}`);
        else if (byName) await resolve(run, client, family, asked, found);
      }),
    );
  }
}

function notClimbed(found: Count, rungs: number, reason: string): false {
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
async function ask(run: Run, client: End, server: End | null, address: string, asked: readonly ExpectedAnswer[], found: Count): Promise<boolean> {
  found.planned += asked.length;
  const answers = await answersOf(
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
    else countFailure(found, () => failureOf(run, client, server, address, expected, answer, saw));
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
    resend: async ({ session, options }) => {
      await askServer(session, client.endpoint.netns, address, [expected.question], Math.min(options.deadlineMs, RESEND_MS));
    },
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

async function resolve(run: Run, client: End, family: Family, asked: readonly ExpectedAnswer[], found: Count): Promise<void> {
  const [expected] = asked;
  if (expected === undefined) return;
  found.planned++;
  // With a dot behind, so that the search list has no part in it.
  const name = `${expected.question.name}.`;
  const answers = await answersOf(resolveNames(run.session, client.endpoint.netns, [{ name, family: family === 'ipv4' ? 4 : 6 }], run.options.deadlineMs));
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
  countFailure(found, () => {
    const { failure } = endFailure(run.plan, client, {
      check: dnsLadder.id,
      family,
      class: 'finding',
      saw: `${name} by resolv.conf: ${saw}`,
      expected: wanted.join(', '),
    });
    return { again: null, failure: { ...failure, next: execLine(run.plan, client.id, ['cat', '/etc/resolv.conf']) } };
  });
}
