/** What a command gets, and how it reads its options. */
import { LabError } from '../topology/errors.ts';
import type { CommandName } from './command-table.ts';
import type { LabApi } from './lab-api.ts';
import type { Output } from './output.ts';
import type { Progress } from './progress.ts';
import type { Streams } from './streams.ts';

export type OptionValue = string | number | boolean | readonly string[] | undefined;

export interface Invocation {
  readonly command: CommandName;
  /** Operands in order; a list argument is spread at the end. */
  readonly operands: readonly string[];
  /** By name as commander has it: `nodeImage` for --node-image. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly lab: LabApi;
  readonly output: Output;
  readonly progress: Progress;
  readonly streams: Streams;
  /** Aborted by Ctrl-C, SIGTERM and the time limit, with the LabError as reason. */
  readonly signal: AbortSignal;
  /** Of --timeout; undefined without. */
  readonly timeoutMs: number | undefined;
  /** From now on Ctrl-C belongs to a program that was started on the terminal. */
  readonly releaseSignals: () => void;
}

/** Every module of commands/ exports this as `run`. Resolves to the exit code. */
export type RunCommand = (invocation: Invocation) => Promise<number>;

/** Operand number `index`; commander made sure of it. */
export function operand({ operands }: Invocation, index: number): string {
  return operands[index] ?? '';
}

export function flag({ options }: Invocation, name: string): boolean {
  return options[name] === true;
}

export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function numberOption({ options }: Invocation, name: string): number | undefined {
  const value = options[name];
  return typeof value === 'number' ? value : undefined;
}

export function listOption({ options }: Invocation, name: string): readonly string[] | undefined {
  const value = options[name];
  return Array.isArray(value) ? (value as readonly string[]) : undefined;
}

/** `{ key: value }`, or nothing: optional properties are left out, never undefined. */
export function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}

/** The one shape of a usage error. */
export function usageError(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}
