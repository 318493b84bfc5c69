import type { Family } from '../../topology/spec.ts';
import type { Collected } from './collect.ts';
import { parseEvidence } from './evidence.ts';

/** A pod that a Job of R1 will have, as far as it is known before. */
export interface ExpectedJob {
  readonly name: string;
  readonly node: string;
  readonly ips: readonly string[];
}

/** What is collected of Jobs that have said nothing yet, in these families: their pods, of which a plan can be made. */
export function expectedJobs(namespace: string, jobs: readonly ExpectedJob[], families: readonly Family[]): Collected {
  return {
    namespace,
    evidence: parseEvidence(''),
    pods: jobs.map((job) => ({
      ...job,
      ips: job.ips.filter((address) => families.includes(address.includes(':') ? 'ipv6' : 'ipv4')),
      hostname: job.name,
      role: 'r1',
      labels: { 'cnilab.dev/requirement': 'r1' },
    })),
    targets: [],
    conntrack: [],
    notRun: [],
    unsteady: [],
    behind: [],
    cleanup: Promise.resolve(),
  };
}
