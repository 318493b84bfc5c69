/** What the CLI is given of the process: tests give their own. */

/** The part of a writable stream that is used. */
export interface OutStream {
  write(text: string | Uint8Array): boolean;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** Its reader is gone. */
  readonly errored?: Error | null | undefined;
}

export interface Streams {
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Is stdin a terminal? */
  readonly interactive: boolean;
}
