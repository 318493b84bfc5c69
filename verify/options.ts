import type { FidelityStatement, OnEvent, ProbeProtocol, SessionSight } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { Family } from '../topology/spec.ts';
import type { Cast } from './cast.ts';
import type { Check } from './checks/check.ts';
import type { Profile, RequirementId } from './report.ts';
import { profiles } from './requirements.ts';
import { SUITES, suitesOf, type Suite } from './suites.ts';

export interface VerifyOptions {
  /** @default classic */
  readonly profile?: Profile;
  /** Parts of the verification. @default all that the lab has something of */
  readonly suites?: readonly Suite[];
  /** Fresh connections per pair and protocol; all must pass. 1 to 255. @default 3 */
  readonly attempts?: number;
  /** @default tcp, udp and icmp */
  readonly protocols?: readonly ProbeProtocol[];
  /** @default every family of each cluster */
  readonly families?: readonly Family[];
  /** One common deadline per set of probes, 10 to 60000. @default 1000 */
  readonly deadlineMs?: number;
  /** Regular expression over the ids of checks: only these run. */
  readonly only?: string | RegExp;
  /** Regular expression over the ids of checks: these do not run. */
  readonly skip?: string | RegExp;
  /** At most about that many pairs per kind of pairs, spread over all pairs of nodes. @default all pairs */
  readonly sample?: number | undefined;
  /** By cluster: who asks and who answers, where that is not everybody. @default every end both */
  readonly casts?: ReadonlyMap<string, Cast>;
  readonly onProgress?: OnEvent;
  /** Stops between two sets of probes. */
  readonly signal?: AbortSignal;
  /** What was not looked at, known before. */
  readonly notes?: readonly string[];
  /** What should have been probed and was not: a requirement that would pass without it is inconclusive. */
  readonly missing?: readonly { readonly requirement: RequirementId; readonly reason: string }[];
  /** Name of the engine, for the report. @default the one in `fidelity` */
  readonly engine?: string;
  /** What the engine says it cannot show, for the report. */
  readonly fidelity?: FidelityStatement;
}

/** Options with every default filled in. */
export interface SettledOptions {
  readonly profile: Profile;
  readonly suites: readonly Suite[];
  readonly attempts: number;
  readonly protocols: readonly ProbeProtocol[];
  readonly families: readonly Family[];
  readonly deadlineMs: number;
  readonly only: RegExp | null;
  readonly skip: RegExp | null;
  readonly sample: number | null;
  readonly casts: ReadonlyMap<string, Cast>;
  readonly notes: readonly string[];
  readonly missing: readonly { readonly requirement: RequirementId; readonly reason: string }[];
  readonly onProgress: OnEvent;
  readonly signal: AbortSignal | null;
  readonly engine: string;
  readonly fidelity: FidelityStatement;
}

const PROTOCOLS: readonly ProbeProtocol[] = ['tcp', 'udp', 'icmp'];

/**
 * Fills the defaults in and refuses what makes no sense.
 * @throws {LabError} USAGE
 */
export function settleOptions(
  plan: Pick<LabPlan, 'families' | 'clusters'>,
  options: VerifyOptions,
  checks: readonly Pick<Check, 'id' | 'suite'>[],
  sight: Pick<SessionSight, 'icmp'> = { icmp: true },
): SettledOptions {
  const attempts = numberBetween('attempts', options.attempts ?? 3, 1, 255);
  const deadlineMs = numberBetween('deadline', options.deadlineMs ?? 1000, 10, 60_000);
  const profile = options.profile ?? 'classic';
  if (!Object.hasOwn(profiles, profile)) throw usage(`unknown profile "${profile}"`, `the profiles are ${Object.keys(profiles).join(', ')}`);
  const protocols = PROTOCOLS.filter((protocol) => (protocol !== 'icmp' || sight.icmp) && (options.protocols?.includes(protocol) ?? true));
  if (protocols.length === 0) {
    const possible = PROTOCOLS.filter((protocol) => protocol !== 'icmp' || sight.icmp);
    throw usage('no protocol is left to probe', `choose from ${possible.join(', ')}`);
  }
  const inUse = plan.families.filter((family) => plan.clusters.length === 0 || plan.clusters.some((cluster) => cluster.families.includes(family)));
  const families = inUse.filter((family) => options.families?.includes(family) ?? true);
  if (families.length === 0) throw usage('no address family is left to probe', `this lab has ${inUse.join(' and ')}`);
  const only = pattern('--only', options.only);
  const skip = pattern('--skip', options.skip);
  const unknown = options.suites?.find((suite) => !SUITES.includes(suite));
  if (unknown !== undefined) throw usage(`unknown suite "${unknown}"`, `the suites are ${SUITES.join(', ')}`);
  const suites = SUITES.filter((suite) => (options.suites ?? suitesOf(plan)).includes(suite));
  if (!checks.some((check) => isSelected(check, { suites, only, skip }))) {
    const possible = checks.filter((check) => suites.includes(check.suite)).map((check) => check.id);
    throw usage('no check is left to run', `the checks are ${possible.join(', ')}`);
  }
  const engine = options.engine ?? options.fidelity?.engine ?? 'netns';
  return {
    profile,
    suites,
    attempts,
    protocols,
    families,
    deadlineMs,
    only,
    skip,
    engine,
    sample: options.sample === undefined ? null : numberBetween('sample', options.sample, 1, Number.MAX_SAFE_INTEGER),
    casts: options.casts ?? new Map(),
    notes: options.notes ?? [],
    missing: options.missing ?? [],
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal ?? null,
    fidelity: options.fidelity ?? { engine, real: [], sameMechanism: [], absent: [] },
  };
}

/** Is a check to run under `--suite`, `--only` and `--skip`? */
export function isSelected({ id, suite }: Pick<Check, 'id' | 'suite'>, options: Pick<SettledOptions, 'suites' | 'only' | 'skip'>): boolean {
  return options.suites.includes(suite) && (options.only === null || id.search(options.only) >= 0) && (options.skip === null || id.search(options.skip) < 0);
}

function pattern(name: string, value: string | RegExp | undefined): RegExp | null {
  if (value === undefined) return null;
  try {
    return new RegExp(value);
  } catch (cause) {
    throw new LabError({
      code: 'USAGE',
      message: `${name}: ${String(value)} is not a regular expression`,
      hint: 'write a JavaScript regular expression, for example ^r1',
      cause,
    });
  }
}

function numberBetween(name: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw usage(`${name} ${value} is out of range`, `give a whole number from ${low} to ${high}`);
}

function usage(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}
