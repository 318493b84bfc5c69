import { concludeCheck, type Check, type CheckOutcome, type ProbeCounts } from '../checks/check.ts';
import { execLine, type ProbedFailure } from '../failure.ts';
import { summariseLatency } from '../latency.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { ProxyMode } from '../../topology/spec.ts';
import type { Run } from '../run.ts';
import { judgeSight, metItself, type JudgedFlow, type ServiceCheckId, type ServiceFinding } from './judge.ts';
import { observeServices, resendFlow, type ServiceSight } from './observe.ts';

const judged = new WeakMap<ServiceSight, readonly JudgedFlow[]>();

/** A check of the suite: a flow passes when every connection of it became what it had to. `nothing`: why there was none. */
export function serviceCheck(id: ServiceCheckId, title: string, nothing: string): Check {
  const check = { id, title, suite: 'services', requirement: null, pairs: [] } as const;
  return { ...check, run: (run) => judgeServices(run, check, nothing) };
}

async function judgeServices(run: Run, check: Omit<Check, 'id' | 'run'> & { readonly id: ServiceCheckId }, nothing: string): Promise<CheckOutcome> {
  const pairs = { planned: 0, passed: 0, failed: 0, inconclusive: 0 };
  const counts = { ok: 0, failed: 0, inconclusive: 0 };
  const failures: ProbedFailure[] = [];
  const reasons = new Set<string>();
  const left = new Map<string, number>();
  let failuresTotal = 0;
  const sights = await observeServices(run);
  for (const sight of sights) {
    const flows = judged.get(sight) ?? judgeSight(sight);
    judged.set(sight, flows);
    for (const one of flows.filter(({ checks }) => checks.includes(check.id))) {
      const why = one.left[check.id];
      if (why !== undefined) {
        left.set(why, (left.get(why) ?? 0) + 1);
        continue;
      }
      const findings = one.findings.filter((finding) => finding.check === check.id);
      pairs.planned++;
      if (findings.length > 0) pairs.failed++;
      else if (one.unknown !== null || isMute(one, check.id)) {
        pairs.inconclusive++;
        reasons.add(one.unknown ?? 'nothing answered that could be looked at');
      } else pairs.passed++;
      if (one.primary === check.id) addCounts(counts, one, findings.length > 0);
      failuresTotal += findings.length;
      for (const finding of findings) if (failures.length < FAILURE_LIMIT) failures.push(serviceFailure(run, sight, one, finding));
    }
  }
  const unseen = [...left].map(([reason, flows]) => `${flows} ways to Services for ${check.id}: ${reason}`);
  run.notLookedAt.push(...unseen);
  const none = run.clusters.filter((cluster) => cluster.plan.kubeProxy.mode === 'none').map((cluster) => cluster.plan.name);
  const why =
    none.length > 0 && sights.length === 0
      ? `Services do not work in ${none.join(', ')}: no proxy runs there (kubeProxy mode none)`
      : unseen.join('; ') || nothing;
  const latency = sights[0]?.latency;
  const latencyUs = check.id === 'service-cluster-ip' && latency !== undefined ? summariseLatency(latency) : null;
  return concludeCheck(check, { pairs, counts, failures, failuresTotal, reasons: [...reasons], nothing: why, latencyUs });
}

/** Source and affinity are seen in answers, and that a pod reaches itself in its own: without any there is nothing to see. */
function isMute({ observed, primary }: JudgedFlow, check: ServiceCheckId): boolean {
  if (check === 'service-hairpin') return !metItself(observed.flow, observed.answers);
  return check !== primary && observed.answers.size === 0;
}

function addCounts(counts: { -readonly [Key in keyof ProbeCounts]: ProbeCounts[Key] }, { observed, unknown }: JudgedFlow, failed: boolean): void {
  if (unknown !== null) counts.inconclusive += Math.max(1, observed.records);
  else if (!failed) counts.ok += observed.records;
  else {
    const ok = observed.flow.expectation.fate === 'served' ? (observed.outcomes.get('ok') ?? 0) : 0;
    counts.ok += ok;
    counts.failed += Math.max(1, observed.records - ok);
  }
}

function serviceFailure(run: Run, { plan }: ServiceSight, { observed }: JudgedFlow, finding: ServiceFinding): ProbedFailure {
  const { client, service, expectation, door, protocol, family } = observed.flow;
  const name = expectation.fate === 'served' ? expectation.proxy : (client.caller.node ?? door.node ?? '');
  const proxy = name === '' ? '' : `${plan.cluster.plan.name}/${name}`;
  return {
    again: null,
    resend: (again) => resendFlow(again, plan, observed),
    failure: {
      ...finding,
      protocol,
      family,
      client: client.id,
      clientNode: client.nodeId,
      server: service.id,
      serverNode: proxy,
      attempt: 0,
      diagnosis: '',
      conntrack: [],
      door: { via: door.via, address: door.address, port: door.port },
      next: proxy === '' ? '' : execLine(run.plan, proxy, rulesCommand(plan.cluster.plan.kubeProxy.mode, family === 'ipv6')),
    },
  };
}

/** Shows what a proxy of that mode wrote. */
function rulesCommand(mode: ProxyMode, six: boolean): readonly string[] {
  if (mode === 'nftables') return ['nft', 'list', 'table', six ? 'ip6' : 'ip', 'kube-proxy'];
  return mode === 'ipvs' ? ['ipvsadm', '-Ln'] : [six ? 'ip6tables-save' : 'iptables-save', '-c', '-t', 'nat'];
}
