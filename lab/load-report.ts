/** What the child that loads a lab file tells its parent, as one line of JSON. */
export interface LoadedBy {
  /** Absolute paths of the files that the lab is written in: its own, not those of packages. */
  readonly ownFiles: readonly string[];
  /** Absolute paths of files of packages, and of this one. */
  readonly packageFiles: readonly string[];
  /** Names of environment variables that were read. */
  readonly environment: readonly string[];
  /** Was the working directory read? */
  readonly workingDirectory: boolean;
  /** Why the result may differ next time although nothing of the above has changed; empty when it may not. */
  readonly unrepeatable: readonly string[];
}

export type LoadReport = { readonly ok: true; readonly input: unknown; readonly by: LoadedBy } | { readonly ok: false; readonly failure: LoadFailure };

export type LoadFailure =
  /** `file`, `line` and `column` are '' and 0 where they are not known. */
  | {
      readonly kind: 'throws' | 'syntax';
      readonly message: string;
      readonly stack: string;
      readonly file: string;
      readonly line: number;
      readonly column: number;
    }
  /** process.exit before there was a lab. */
  | { readonly kind: 'exits'; readonly exitCode: number; readonly file: string; readonly line: number; readonly column: number }
  /** Waits for something that can no longer happen. */
  | { readonly kind: 'waits' }
  | { readonly kind: 'exports'; readonly message: string; readonly hint: string };
