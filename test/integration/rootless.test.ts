import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const NOBODY = 65_534;
const become = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'] as const;
const why = lacking('unprivileged-user', 'plugins');

describe.skipIf(why !== null)(`rootless, as an unprivileged user${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each([
    ['bridge', '{ type: bridge }'],
    ['flannel vxlan', '{ type: flannel }'],
    ['calico vxlan', '{ type: calico }'],
    ['calico bgp', '{ type: calico, encapsulation: none }'],
    ['weave', '{ type: weave }'],
  ])('%s gives the same results', async (_title, cni) => {
    // A checkout that others may not read leaves the user namespace to be proven, by root.
    await using place = othersMayRead() ? new Place(become) : new Place([], { CNILAB_ROOTLESS: '1' });
    chownSync(place.directory, NOBODY, NOBODY);
    const file = join(place.directory, 'lab.yaml');
    writeFileSync(file, `name: rootless\nclusters:\n  - { name: c1, workers: 2, cni: ${cni}, workloads: [{ name: app, perNode: 2 }] }\n`);
    chmodSync(file, 0o644);
    const up = await place.cnilab(['up', file]);
    expect(up.stderr).toContain('is up');
    const verified = await place.cnilab(['verify', 'rootless', '--json']);
    const report = JSON.parse(verified.stdout) as Report;
    expect(report.checks.filter((c) => c.verdict === 'fail' || c.verdict === 'inconclusive').map((c) => `${c.id} ${c.reason} ${c.failures[0]?.saw}`)).toEqual(
      [],
    );
    expect(report.verdict).toBe('pass');
    expect((await place.cnilab(['down', 'rootless'])).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});

function othersMayRead(): boolean {
  try {
    execFileSync(become[0], [...become.slice(1), 'test', '-r', `${root}dist/cli/main.js`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
