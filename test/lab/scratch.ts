import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

export interface Scratch {
  /** A fresh folder for each test, removed after it; XDG_STATE_HOME and XDG_CACHE_HOME are in it. */
  readonly folder: string;
  /** Writes a file in the folder and returns its absolute path. */
  write(path: string, text: string): string;
}

/** Gives every test of a file its own folder, state and cache. */
export function useScratch(): Scratch {
  let folder = '';
  const before: Record<string, string | undefined> = {};
  const home = { XDG_STATE_HOME: 'state', XDG_CACHE_HOME: 'cache' } as const;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cnilab-test-'));
    for (const [name, path] of Object.entries(home)) {
      before[name] = process.env[name];
      process.env[name] = join(folder, path);
    }
  });
  afterEach(() => {
    for (const name of Object.keys(home)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    write: (path, text) => {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return file;
    },
  };
}
