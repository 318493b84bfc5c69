/** The walk of one packet, as it is kept and printed: JSON with a schema. */
import type { Outcome, ProbeProtocol } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import type { DiagnosisName } from '../diagnosis/catalogue.ts';

export const WALK_SCHEMA = 'cnilab.walk/1';

export type HopKind = 'name' | 'route' | 'neighbour' | 'device' | 'bridge' | 'tunnel' | 'rule' | 'service' | 'translation' | 'arrival' | 'loss';

/** One thing that the kernel does with the packet, and the line of its state that says so. */
export interface Hop {
  readonly kind: HopKind;
  /** Identity of the pod, name of the node, host or router. */
  readonly place: string;
  /** What happens, in a sentence. */
  readonly says: string;
  /** The line of state it comes from, as its own program writes it; '' where no single line does. */
  readonly state: string;
  /** The command that shows it. */
  readonly command: string;
  /** The packet around the packet, of a tunnel. */
  readonly outer: boolean;
  /** What counts packets here; null where nothing does. */
  readonly counter: HopCounter | null;
  /** By how much that counter rose around one real packet; null without one. */
  readonly rose: number | null;
  /** Of a loss that has a name. */
  readonly cause?: HopCause;
}

export interface HopCause {
  readonly name: DiagnosisName;
  /** Command that mends it; '' where the plan does not tell what is right. */
  readonly mend: string;
}

export type HopCounter =
  | { readonly kind: 'sent' | 'received'; readonly netns: string; readonly dev: string }
  | { readonly kind: 'rule'; readonly netns: string; readonly chain: string; readonly text: string };

/** The packet at one end of a leg. */
export interface WalkPacket {
  readonly source: string;
  readonly destination: string;
  /** null: of no meaning, or chosen by the kernel. */
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
}

export interface Leg {
  readonly direction: 'there' | 'back';
  /** As it sets out. */
  readonly packet: WalkPacket;
  readonly hops: readonly Hop[];
  /** Identity of where it ends. */
  readonly ends: string;
  /** process: a process of a node takes it; what that does with it is not read. */
  readonly fate: 'arrives' | 'lost' | 'process';
  /** Why it is lost; '' when it is not. */
  readonly why: string;
}

/** One endpoint that the rules of a Service may choose. */
export interface WalkChoice {
  /** `10.244.1.2:8080`. */
  readonly endpoint: string;
  /** Identity of the pod or node that has the address; '' where nothing of the lab has it. */
  readonly owner: string;
  /** 0 to 1. */
  readonly share: number;
  /** The walk follows this one. */
  readonly followed: boolean;
}

export interface LivePacket {
  readonly outcome: Outcome;
  readonly rttUs: number;
  /** Identity of who answered; '' when nobody did. */
  readonly answeredBy: string;
  /** As whom the server saw the client; ''. */
  readonly seenAs: string;
  /** What the state of the kernels promises, and the packet did otherwise. */
  readonly differs: readonly string[];
}

export interface WalkReport {
  readonly schema: typeof WALK_SCHEMA;
  readonly lab: string;
  readonly engine: string;
  readonly from: string;
  /** As it was asked for. */
  readonly to: string;
  readonly family: Family;
  readonly protocol: ProbeProtocol;
  /** yes: there and back; unknown: it ends where the state that was read does. */
  readonly arrives: 'yes' | 'no' | 'unknown';
  /** Why not; '' when it arrives. */
  readonly why: string;
  readonly legs: readonly Leg[];
  readonly choices: readonly WalkChoice[];
  readonly notes: readonly string[];
  readonly live: LivePacket | null;
}
