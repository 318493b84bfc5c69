/** The self-test on the real kernel, as a user runs it: what it finds, what it leaves, and that labs which run stay as they are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { withScratchLab } from '../../lab/scratch-lab.ts';
import { selfTest } from '../../lab/selftest.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { faultById } from '../../verify/faults/index.ts';
import { leftBehind } from '../../verify/faults/traces.ts';
import { readTraces } from '../../verify/faults/trial.ts';
import type { SelfTestReport } from '../../verify/faults/kill-matrix.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const why = lacking('netns', 'plugins');
const spec: LabSpec = { name: 'self', clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 1 }] }] };

describe.skipIf(why !== null)(`the self-test${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('finds a fault by its name in a copy of a lab', async () => {
    const report = await selfTest({ lab: await asLoaded(spec), faults: ['ip-forward-off', 'snat-udp-only', 'vni-mismatch'].map(faultById) });
    expect(report.trials.map((one) => [one.fault, one.verdict, one.detail, one.left])).toEqual([
      ['ip-forward-off', 'found', '', []],
      ['snat-udp-only', 'found', '', []],
    ]);
    expect(report).toMatchObject({ verdict: 'pass', labs: [{ status: 'tested' }], untried: [{ fault: 'vni-mismatch' }] });
  });

  it('reads the kernel of a lab that nobody touches twice the same', async () => {
    await withScratchLab(await asLoaded(spec), {}, async (session, plan) => {
      expect(leftBehind(await readTraces(session, plan), await readTraces(session, plan))).toEqual([]);
    });
  });

  it('sees nothing wrong in healthy labs', async () => {
    const report = await selfTest({ lab: await asLoaded(spec), clean: 3 });
    expect(report).toMatchObject({ verdict: 'pass', labs: [{ status: 'tested', verifications: 3, detail: '' }] });
  });

  it('leaves a lab that runs, and its fault, as it found them; nothing else is left, nor after Ctrl-C', async () => {
    await using place = new Place();
    const file = join(place.directory, 'lab.json');
    writeFileSync(file, JSON.stringify(spec));
    expect((await place.cnilab(['up', file, '-q'])).code).toBe(0);
    expect((await place.cnilab(['fault', 'inject', 'self', 'ip-forward-off', '-q'])).code).toBe(0);
    const clean = await place.cnilab(['selftest', '--lab', 'self', '--clean', '1', '--json']);
    expect(clean.code, clean.stderr).toBe(0);
    expect((JSON.parse(clean.stdout) as SelfTestReport).labs).toMatchObject([{ name: 'self', status: 'tested' }]);

    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'selftest', '--lab', 'self'], {
      env: place.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    let stopped = false;
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      // Some faults are through, and one is injected or looked for. Once: a second Ctrl-C leaves at once.
      if (!stopped && told.includes('snat-undone-at-peer in self')) stopped = child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code, told).toBe(130);
    const labs = join(place.directory, 'state/cnilab/labs');
    expect(existsSync(labs) ? readdirSync(labs) : []).toEqual(['self']);
    expect(JSON.parse((await place.cnilab(['fault', 'list', 'self', '--json'])).stdout)).toContainEqual(
      expect.objectContaining({ id: 'ip-forward-off', injected: true }),
    );
  });

  it('takes down what one that was killed has left', async () => {
    await using place = new Place();
    const file = join(place.directory, 'lab.json');
    writeFileSync(file, JSON.stringify(spec));
    const labs = join(place.directory, 'state/cnilab/labs');
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'selftest', '--lab', file], {
      env: place.environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (told.includes(' in self')) child.kill('SIGKILL');
    });
    await once(child, 'close');
    expect(readdirSync(labs), told).toEqual([expect.stringMatching(/^selftest-[0-9a-f]{12}$/)]);
    const next = await place.cnilab(['selftest', '--lab', file, '--clean', '1']);
    expect(next.code, next.stderr).toBe(0);
    expect(existsSync(labs) ? readdirSync(labs) : []).toEqual([]);
  });

  it('injects nothing into a lab that is broken before, and says what is wrong', async () => {
    // A proxy of mode userspace hides who asked: the lab fails for that, and is meant to.
    const broken: LabSpec = {
      name: 'broken',
      clusters: [
        {
          name: 'c1',
          kubernetesVersion: '1.25',
          cni: { type: 'flannel' },
          kubeProxy: { mode: 'userspace' },
          dns: false,
          workloads: [{ name: 'web', perNode: 1 }],
          objects: [
            { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
          ],
        },
      ],
    };
    const report = await selfTest({ lab: await asLoaded(broken) });
    expect(report).toMatchObject({
      verdict: 'fail',
      trials: [],
      labs: [{ name: 'broken', status: 'broken', detail: expect.stringContaining('proxy-in-path') }],
    });
  });
});
