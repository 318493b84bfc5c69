/**
 * Two faults at once, of different layers: both are named, or the report says which one keeps the other from being seen. That one must be able to, must say so of
 * the very way, and once it is mended the other must be found by its name.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import { selfTestLabs } from '../../lab/selftest-labs.ts';
import { type Fault, faultById, injectFault, undoFault } from '../../verify/faults/index.ts';
import { leftBehind, type Traces } from '../../verify/faults/traces.ts';
import { judgeTrial, optionsFor, readTraces } from '../../verify/faults/trial.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

/** One fault of each layer, in the order in which a packet meets them; that of Services last, which needs its suite. */
const BY_LAYER = [
  'masquerade-pod-to-pod',
  'l4-proxy-redirect',
  'ip-forward-off',
  'forward-policy-drop',
  'return-route-missing',
  'mtu-blackhole',
  'pod-address-not-planned',
  'vni-mismatch',
  'random-loss',
  'service-rules-missing',
] as const;
const PAIRS = BY_LAYER.flatMap((first, at) => BY_LAYER.slice(at + 1).map((second) => [first, second] as const));
/** Layers whose faults stop packets. What is about packets that arrive (who they seem to be from, how large, how many, to whom a Service leads) is behind all of them. */
const STOPS: ReadonlySet<Fault['layer']> = new Set<Fault['layer']>(['addressing', 'routing', 'forwarding', 'filter', 'overlay']);
const canHide = (one: Fault, other: Fault): boolean => STOPS.has(one.layer) || one.layer === other.layer;
/** Labs at the same time: a verification mostly waits. */
const WIDTH = 3;
const shares = Array.from({ length: WIDTH }, (_, share) => [share, PAIRS.filter((_pair, at) => at % WIDTH === share)] as const);

it('are at least forty', () => {
  expect(PAIRS.length).toBeGreaterThanOrEqual(40);
});

describe.skipIf(why !== null).concurrent.each(shares)(`pairs of faults, lab %i${why === null ? '' : ` (skipped: ${why})`}`, (_share, pairs) => {
  let lab: VerifiedLab;
  let session: EngineSession;
  let before: Traces;

  beforeAll(async () => {
    const [spec] = selfTestLabs;
    if (spec === undefined) throw new Error('the self-test has no labs');
    lab = await VerifiedLab.up(spec);
    session = await lab.open();
    before = await readTraces(session, lab.plan);
  });
  afterAll(async () => {
    await session?.close();
    await lab?.[Symbol.asyncDispose]();
  });

  it.sequential.each(pairs)('%s and %s', async (first, second) => {
    const both = [first, second].map(faultById);
    const undo = [await injectFault(session, lab.plan, first)];
    const mend = async (id: string): Promise<void> => {
      for (const one of undo.filter(({ fault }) => fault === id)) {
        await undoFault(session, one);
        undo.splice(undo.indexOf(one), 1);
      }
    };
    try {
      undo.unshift(await injectFault(session, lab.plan, second));
      const report = await verifyLab(session, lab.plan, optionsFor(faultById(second)));
      expect(report.verdict).toBe('fail');
      const names = report.diagnoses.map((one) => one.name);
      const named = both.filter((fault) => names.includes(fault.diagnosis));
      expect(named.length, names.join(', ')).toBeGreaterThan(0);
      // Nothing is named that is not there, but for what the two do to each other and to themselves.
      const others = report.diagnoses.filter(
        (one) => one.severity === 'fail' && one.confidence === 'certain' && !both.some((fault) => fault.diagnosis === one.name),
      );
      expect(others.map((one) => one.name).filter((name) => name !== 'no-route-to-pod-cidr')).toEqual([]);
      const [hider] = named;
      const hidden = both.find((fault) => !named.includes(fault));
      if (hider !== undefined && hidden !== undefined) {
        expect(canHide(hider, hidden), `${hider.id} is not what keeps ${hidden.id} from being seen`).toBe(true);
        const lines = report.notLookedAt.filter((line) => line.startsWith(`what is behind ${hider.diagnosis} at `));
        expect(lines, report.notLookedAt.join('\n')).toHaveLength(1);
        // It stops packets on a way of the other's node, or keeps the other's check from being judged.
        const where = undo.find(({ fault }) => fault === hidden.id)?.where ?? 'nowhere';
        expect(lines[0]).toMatch(new RegExp(`[: ](${where}|${hidden.check})\\b`));
        await mend(hider.id);
        const after = await verifyLab(session, lab.plan, optionsFor(hidden));
        expect(judgeTrial(hidden, after), after.diagnoses.map((one) => one.name).join(', ')).toEqual({ verdict: 'found', detail: '' });
      }
    } finally {
      for (const id of undo.map(({ fault }) => fault)) await mend(id);
    }
    expect(leftBehind(before, await readTraces(session, lab.plan))).toEqual([]);
  });
});
