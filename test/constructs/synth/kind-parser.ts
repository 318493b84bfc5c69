import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What the real kind says of a configuration, without a container engine: a `docker` that only answers what kind asks before it creates anything, and
 * says so when it is asked for a network, which kind asks for when the configuration has been read, checked and found good.
 *
 * @returns null when kind accepts it, else the error
 */
export function refusedByKind(config: string): string | null {
  const kind = execFileSync('sh', ['-c', 'command -v kind'], { encoding: 'utf8' }).trim();
  const folder = mkdtempSync(join(tmpdir(), 'cnilab-kind-'));
  try {
    writeFileSync(
      join(folder, 'docker'),
      `#!/bin/sh
case "$1" in
  info) echo '{"CgroupVersion":"2","MemoryLimit":true,"PidsLimit":true,"CPUShares":true,"SecurityOptions":[]}' ;;
  ps | inspect) ;;
  -v) echo 'Docker version 27.0.0' ;;
  network) echo 'the configuration is good' >&2; exit 1 ;;
  *) exit 1 ;;
esac
`,
      { mode: 0o755 },
    );
    const { stderr } = spawnSync(kind, ['create', 'cluster', '--config', '-', '--kubeconfig', join(folder, 'kubeconfig')], {
      input: config,
      encoding: 'utf8',
      env: { PATH: folder, HOME: folder, KIND_EXPERIMENTAL_PROVIDER: 'docker' },
      timeout: 20_000,
    });
    return stderr.includes('the configuration is good') ? null : stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
