import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { processEnvironment } from '../../engines/netns/agent/processes.ts';

describe('programs of a lab', () => {
  const home = mkdtempSync(join(tmpdir(), 'cnilab-home-'));
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });

  it('are no login of the user: a bash whose input is a socket does not run ~/.bashrc', () => {
    writeFileSync(join(home, '.bashrc'), 'echo bashrc\n');
    vi.stubEnv('HOME', home);
    const said = (env: Record<string, string>): string => spawnSync('bash', ['-c', 'echo ran'], { env, input: '', encoding: 'utf8' }).stdout;
    expect(said(processEnvironment())).toBe('ran\n');
    // As it would otherwise.
    expect(said({ ...processEnvironment(), SHLVL: '0' })).toBe('bashrc\nran\n');
  });
});
