import { deviationFailure, pairFailure, type ProbedFailure } from '../failure.ts';
import { bitOf, deviationKey, type PairTable } from '../pair-table.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { Run } from '../run.ts';
import type { Family } from '../../topology/spec.ts';
import type { ProbeProtocol } from '../../engines/port.ts';
import { concludeCheck, NO_PROBES, type Check } from './check.ts';

/**
 * Loss is what comes and goes: a pair of which some attempts were answered and others were not, or only after a retransmission. A pair that
 * never answers is broken and not lossy; it fails its own check. The threshold is none: links of a lab lose nothing.
 */
export const loss: Check = {
  id: 'loss',
  title: 'no packet is lost on a path that works',
  suite: 'network',
  requirement: null,
  pairs: ['pod-to-pod'],
  run: async (run) => {
    const { tables } = await run.mesh();
    const pairs = { planned: 0, passed: 0, failed: 0, inconclusive: 0 };
    const failures: ProbedFailure[] = [];
    let failuresTotal = 0;
    let lost = 0;
    for (const table of tables) {
      for (const tally of Object.values(table.tallies)) lost += tally.lost + tally.late;
      for (let pair = 0; pair < table.expected.length; pair++) {
        if (table.expected[pair] === 0) continue;
        pairs.planned++;
        const lossy = (table.lost[pair] ?? 0) & (table.answered[pair] ?? 0);
        if (lossy !== 0) {
          pairs.failed++;
          for (const [protocol, family] of flowsOf(run, lossy)) {
            failuresTotal++;
            if (failures.length < FAILURE_LIMIT) failures.push(lossyFailure(run, table, pair, protocol, family));
          }
        } else if (table.answered[pair] === 0) {
          pairs.inconclusive++;
        } else {
          pairs.passed++;
        }
      }
    }
    const reasons = pairs.inconclusive > 0 ? [`${pairs.inconclusive} pairs never answered, so their loss cannot be told from a dead path`] : [];
    return concludeCheck(loss, { pairs, counts: NO_PROBES, failures, failuresTotal, lost, reasons, nothing: 'no pair was probed' });
  },
};

function flowsOf(run: Run, bits: number): readonly (readonly [ProbeProtocol, Family])[] {
  return run.options.families.flatMap((family) =>
    run.options.protocols.filter((protocol) => (bits & bitOf(protocol, family)) !== 0).map((protocol) => [protocol, family] as const),
  );
}

function lossyFailure(run: Run, table: PairTable, pair: number, protocol: ProbeProtocol, family: Family): ProbedFailure {
  const deviation = table.deviations.get(deviationKey(pair, bitOf(protocol, family)));
  if (deviation !== undefined) {
    const judgement = { ...deviation.judgement, saw: `${deviation.judgement.saw}; other attempts were answered`, expected: 'an answer to every attempt' };
    return deviationFailure(run.plan, table.cluster, loss.id, { ...deviation, judgement }, run.options.attempts);
  }
  return pairFailure(run.plan, table.cluster, {
    check: loss.id,
    client: Math.floor(pair / table.width),
    server: pair % table.width,
    protocol,
    family,
    attempt: 0,
    class: 'silent',
    saw: 'some attempts were lost, or answered only after a retransmission',
    expected: 'an answer to every attempt, at once',
  });
}
