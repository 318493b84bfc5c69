/** What an inventory rule found: a deviation from the plan, or a rule of the packet filter that touches pod traffic. */
import type { DiagnosisName } from '../diagnosis/catalogue.ts';
import type { Flow } from './flow.ts';

export interface Finding {
  readonly name: DiagnosisName;
  /** Identities of nodes, routers or pods. */
  readonly where: readonly string[];
  /** Sentences with the values found and the values planned. */
  readonly evidence: readonly string[];
  /** Command that mends it, or ''. */
  readonly mend: string;
  /**
   * certain: read from the kernel, and it breaks what it explains. likely: a part of it could not be evaluated (a set, a mark).
   * possible: a deviation that need not break anything.
   */
  readonly certainty: 'certain' | 'likely' | 'possible';
  /** Is this failure a consequence of it? */
  explains(flow: Flow): boolean;
}
