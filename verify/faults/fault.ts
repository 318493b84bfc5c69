/** What a fault of the library is: data in, commands out. The commands run in the lab's namespaces, through the engine's session. */
import type { Snapshot } from '../../engines/port.ts';
import type { DiagnosisName } from '../diagnosis/catalogue.ts';
import type { FaultTarget } from './target.ts';

export type FaultLayer =
  | 'nat'
  | 'proxy'
  | 'forwarding'
  | 'filter'
  | 'routing'
  | 'mtu'
  | 'addressing'
  | 'l2'
  | 'conntrack'
  | 'overlay'
  | 'link'
  | 'service'
  | 'dns'
  | 'cni-setup'
  | 'policy'
  | 'workload';

/** One command in one namespace. */
export interface FaultStep {
  readonly netns: string;
  readonly argv: readonly string[];
  /** Standard input. */
  readonly input?: string;
  /** A failure of it is no failure of the fault: it clears what may not be there. */
  readonly tolerant?: boolean;
  /** What the machine or its kernel lacks when it fails: the fault is then refused, and not broken. */
  readonly lack?: string;
}

export interface FaultScript {
  readonly inject: readonly FaultStep[];
  /** In the order in which they are to run. */
  readonly undo: readonly FaultStep[];
}

/** What brings the lab back; plain JSON, kept in the lab's state. */
export interface UndoPlan {
  readonly fault: string;
  /** Identities of what was touched, for people. */
  readonly where: string;
  readonly steps: readonly FaultStep[];
}

export interface Fault {
  readonly id: string;
  readonly layer: FaultLayer;
  readonly title: string;
  /** The name by which the verifier must find it. */
  readonly diagnosis: DiagnosisName;
  /** warn: it works, but worse than planned: the verdict stays `pass` and the diagnosis is reported as a warning. @default fail */
  readonly severity?: 'fail' | 'warn';
  /** The check that must fail; of a fault that warns: the one that notices it. */
  readonly check: string;
  /** Ids of capabilities of the engine that it is made of, besides what every lab and fault needs. An engine that does not know one is asked by trying. */
  readonly needs?: readonly string[];
  /** true, or the reason why this target's data path cannot show it. */
  fits(target: FaultTarget): true | string;
  /** The commands, from the target and what its namespaces hold now. */
  script(target: FaultTarget, snapshot: Snapshot): FaultScript;
}
