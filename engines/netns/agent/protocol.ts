/** The agent's lines: one JSON value per line on stdin and stdout. */
import type {
  Capture,
  CapturedPacket,
  CaptureRequest,
  CniRequest,
  CniRun,
  CommandResult,
  EngineEvent,
  HttpRequest,
  HttpSummary,
  Measurement,
  MeasureRequest,
  NameReply,
  ProbeRequest,
  ProbeSummary,
  Snapshot,
} from '../../port.ts';
import type { EncodedBatch } from '../../probe-batch.ts';
import type { Op, OpsDelta } from '../ops.ts';
import type { ApplyResult } from './apply.ts';
import type { CaptureRead, CaptureStart } from './capture.ts';
import type { ExchangeRequest } from './exchange-names.ts';
import type { SnapshotRequest } from './snapshot.ts';

export interface RunRequest {
  readonly netns: string;
  readonly argv: readonly string[];
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Identity of the pod that is meant, where several share the namespace. */
  readonly id?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Every method: what it takes, what it tells on the way, what it answers. */
export interface AgentMethods {
  apply: { readonly params: OpsDelta; readonly event: EngineEvent; readonly result: ApplyResult };
  probe: { readonly params: ProbeRequest; readonly event: EncodedBatch; readonly result: ProbeSummary };
  http: { readonly params: HttpRequest; readonly event: never; readonly result: HttpSummary };
  measure: { readonly params: MeasureRequest; readonly event: never; readonly result: Measurement };
  snapshot: { readonly params: SnapshotRequest; readonly event: never; readonly result: Snapshot };
  exchangeNames: { readonly params: ExchangeRequest; readonly event: never; readonly result: readonly NameReply[] };
  run: { readonly params: RunRequest; readonly event: never; readonly result: CommandResult };
  captureStart: { readonly params: CaptureStart; readonly event: never; readonly result: null };
  /** What passed since the last reading; waits a little for something. */
  captureRead: { readonly params: CaptureRead; readonly event: never; readonly result: readonly CapturedPacket[] };
  captureEnd: { readonly params: Pick<CaptureRequest, 'packets' | 'bytes'>; readonly event: never; readonly result: Capture };
  /** One attachment by hand. */
  cni: { readonly params: CniRequest; readonly event: never; readonly result: CniRun };
  /** CNI CHECK of pods that were attached by ADD. */
  check: {
    readonly params: { readonly ops: readonly Extract<Op, { readonly op: 'cni' }>[] };
    readonly event: never;
    readonly result: { readonly checked: number };
  };
}

export interface AgentRequest {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** The first line. */
export interface AgentReady {
  readonly ready: true;
  readonly pid: number;
}

export interface AgentFailure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly step?: string;
  readonly errno?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type AgentLine =
  | AgentReady
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: AgentFailure };
