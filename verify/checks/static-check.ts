/** A check that sends no packet: a rule of the inventory over what the engine reads of the nodes. For what no probe can show. */
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import type { NodePlan } from '../../topology/plan.ts';
import { viewLab } from '../inventory/lab-view.ts';
import type { InventoryRule } from '../inventory/index.ts';
import type { Finding } from '../inventory/finding.ts';
import type { ProbedFailure } from '../failure.ts';
import { concludeCheck, NO_PROBES, type Check } from './check.ts';

export interface StaticRule {
  readonly id: string;
  readonly title: string;
  readonly rule: InventoryRule;
  /** Is it about this node? */
  readonly concerns: (node: NodePlan) => boolean;
  /** Has the engine read what the rule looks at? */
  readonly isRead: (namespace: NamespaceSnapshot) => boolean;
  /** What it looks at, in the reason of an inconclusive result. */
  readonly subject: string;
  readonly expected: string;
  /** Why there is nothing to look at where it concerns no node. */
  readonly nothing: string;
}

/** Fails for every certain finding; what need not break anything is left to the diagnosis. The pairs of its result are nodes. */
export function staticCheck({ id, title, rule, concerns, isRead, subject, expected, nothing }: StaticRule): Check {
  const check: Check = {
    id,
    title,
    suite: 'network',
    requirement: null,
    pairs: [],
    run: async (run) => {
      const all = run.plan.clusters.flatMap((cluster) => cluster.nodes).filter(concerns);
      const nodes = run.session.sight.kernel ? all : [];
      const snapshot = nodes.length === 0 ? NOTHING_READ : await run.session.snapshot(netnsOf(nodes), { rules: false });
      const found = rule(viewLab(run.plan, snapshot), []).filter(({ certainty }) => certainty === 'certain');
      const unread = nodes.filter(({ netns }) => {
        const namespace = snapshot.namespaces[netns];
        return namespace === undefined || !isRead(namespace);
      });
      const failed = nodes.filter((node) => found.some(({ where }) => where.includes(node.id))).length;
      return concludeCheck(check, {
        pairs: { planned: nodes.length, passed: nodes.length - failed - unread.length, failed, inconclusive: unread.length },
        counts: NO_PROBES,
        failures: found.map((finding) => findingFailure(id, expected, finding)),
        reasons: unread.map(({ name }) => `${subject} of ${name} could not be read`),
        nothing: nodes.length < all.length ? 'nodes are not read on this engine' : nothing,
      });
    },
  };
  return check;
}

const NOTHING_READ: Snapshot = { takenAt: '', namespaces: {} };

function netnsOf(nodes: readonly NodePlan[]): readonly string[] {
  return nodes.map(({ netns }) => netns);
}

/** What the inventory found, as a failure of a check. */
export function findingFailure(check: string, expected: string, { where, evidence, mend }: Finding): ProbedFailure {
  const [place = ''] = where;
  return {
    again: null,
    failure: {
      check,
      client: place,
      server: '',
      clientNode: place,
      serverNode: place,
      family: null,
      protocol: null,
      attempt: 0,
      class: 'finding',
      saw: evidence[0] ?? '',
      expected,
      diagnosis: '',
      conntrack: [],
      next: mend,
    },
  };
}
