/** The whole life of a lab under the real Pulumi engine: Automation API, CLI, dynamic resources, a stack in files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabState } from '../../lab/lab-state.ts';
import { lacking } from '../requires.ts';
import { PulumiProject } from './pulumi-project.ts';

const why = lacking('netns', 'plugins', 'pulumi');

const yaml = (perNode: number, cni = 'flannel', name = 'under-pulumi'): string =>
  `name: ${name}\nclusters:\n  - name: c1\n    workers: 1\n    cni: { type: ${cni} }\n    workloads: [{ name: web, perNode: ${perNode} }]\n`;

describe.skipIf(why !== null)(`Pulumi on netns${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let project: PulumiProject;
  beforeEach(() => {
    project = new PulumiProject();
  });
  afterEach(async () => {
    await project[Symbol.asyncDispose]();
  });

  const stateOf = (name: string): LabState =>
    JSON.parse(readFileSync(join(project.place.directory, `state/cnilab/labs/${name}/state.json`), 'utf8')) as LabState;

  it('previews, brings up, verifies, changes in place, replaces, sees drift, destroys, and leaves nothing', { timeout: 600_000 }, async () => {
    const lab = project.lab(yaml(1));

    const preview = await project.run('preview', { lab });
    expect(preview.error).toBe('');
    expect(preview.changes).toEqual({ create: 5 });
    expect(preview.said).toMatch(/1 cluster · 2 nodes · 2 pods[\s\S]*c1\/default\/web-worker1 +worker1 +10\.244\.1\.2/);
    expect(project.labs()).toEqual([]);

    const up = await project.run('up', { lab });
    expect(up.error).toBe('');
    expect(up.outputs).toMatchObject({
      nodeAddresses: { value: { 'c1/control-plane1': ['172.30.0.2'], 'c1/worker1': ['172.30.0.3'] }, secret: false },
      podCIDRs: { value: ['10.244.0.0/16'] },
      serviceCIDRs: { value: ['10.96.0.0/16'] },
      kubeconfig: { value: null, secret: true },
      verdict: { value: 'pass' },
    });
    expect(stateOf('under-pulumi')).toMatchObject({ phase: 'up', owner: 'organization/labs/dev/one' });
    expect(project.inState('Verification')?.outputs?.['outcome']).toMatchObject({ schema: 'cnilab.report/1', verdict: 'pass' });
    // The state holds a call into the package, not code of it.
    const serialized = String(project.inState('Lab')?.outputs?.['__provider']);
    expect(serialized).toContain('cnilab/pulumi/provider');
    expect(serialized).not.toMatch(/import\(|__rewrite|lab\/up/);

    expect((await project.run('up', { lab })).changes).toEqual({ same: 5 });

    project.lab(yaml(2));
    const change = await project.run('preview', { lab });
    expect(change.said).toMatch(/2 added, 0 removed, 0 changed; all in place/);
    const { handle } = stateOf('under-pulumi');
    const changed = await project.run('up', { lab });
    expect(changed.changes).toEqual({ same: 3, update: 2 });
    expect(changed.outputs['verdict']).toMatchObject({ value: 'pass' });
    expect(stateOf('under-pulumi').handle).toEqual(handle);
    expect(stateOf('under-pulumi').plan.clusters[0]?.pods).toHaveLength(4);

    project.lab(yaml(2, 'bridge'));
    const replacement = await project.run('preview', { lab });
    expect(replacement.said).toMatch(/cni of a running cluster cannot change[\s\S]*needs a replacement/);
    expect(replacement.said).not.toContain('--replace');
    const replaced = await project.run('up', { lab });
    expect(replaced.changes).toMatchObject({ replace: 1 });
    expect(replaced.outputs['verdict']).toMatchObject({ value: 'pass' });

    const holder = String(stateOf('under-pulumi').handle?.['pid']);
    execFileSync('nsenter', ['--target', holder, '--mount', '--net', 'ip', 'netns', 'delete', 'pod.c1.default.web-worker1']);
    const refreshed = await project.run('refresh', { lab });
    expect(refreshed.changes).toMatchObject({ update: 1 });
    expect(project.inState('Lab')?.outputs?.['drift']).toEqual(['c1/default/web-worker1: its network namespace is gone']);
    const mended = await project.run('up', { lab });
    expect(mended.changes).toMatchObject({ replace: 1 });
    expect(mended.outputs['verdict']).toMatchObject({ value: 'pass' });
    expect((await project.run('refresh', { lab })).changes).toEqual({ same: 5 });

    // Taken down behind Pulumi's back as a whole.
    expect((await project.place.cnilab(['down', 'under-pulumi'])).code).toBe(0);
    expect((await project.run('refresh', { lab })).changes).toMatchObject({ delete: 1 });
    expect((await project.run('up', { lab })).changes).toMatchObject({ create: 1 });

    expect((await project.run('destroy', { lab })).changes).toEqual({ delete: 5 });
    expect(project.place.leftovers()).toEqual([]);
  });

  it('fails the update in which a check fails, with the report, and only reports it when told so', { timeout: 600_000 }, async () => {
    const lab = project.lab(yaml(1));
    expect((await project.run('up', { lab })).ok).toBe(true);
    expect((await project.place.cnilab(['fault', 'inject', 'under-pulumi', 'ip-forward-off'])).code).toBe(0);
    const failed = await project.run('up', { lab, verification: { trigger: 'again' } });
    expect(failed.ok).toBe(false);
    expect(failed.said).toMatch(/under-pulumi on netns[\s\S]*R1 {2}FAIL/);
    expect(project.inState('Verification')?.outputs?.['outcome']).toMatchObject({ verdict: 'fail' });
    const reported = await project.run('up', { lab, verification: { trigger: 'again', report: 'only' } });
    expect(reported.error).toBe('');
    expect(reported.said).toMatch(/warning: under-pulumi on netns/);
    expect(reported.outputs['verdict']).toMatchObject({ value: 'fail' });
    expect((await project.place.cnilab(['fault', 'undo', 'under-pulumi', 'ip-forward-off'])).code).toBe(0);
    const passed = await project.run('up', { lab, verification: { trigger: 'mended' } });
    expect(passed.outputs['verdict']).toMatchObject({ value: 'pass' });
    // One that failed when it was created is destroyed like any other.
    expect((await project.run('up', { lab, verification: false })).changes).toMatchObject({ delete: 1 });
    expect((await project.place.cnilab(['fault', 'inject', 'under-pulumi', 'ip-forward-off'])).code).toBe(0);
    expect((await project.run('up', { lab })).ok).toBe(false);
    expect((await project.run('destroy', { lab })).error).toBe('');
    expect(project.place.leftovers()).toEqual([]);
  });

  it.each(['up', 'destroy'] as const)('is killed while a lab comes up, and the next %s handles what is left', { timeout: 600_000 }, async (next) => {
    const lab = project.lab(yaml(30));
    const { child } = project.start('up', { lab });
    const ended = new Promise((resolve) => {
      child.on('close', resolve);
    });
    // The holder runs, and the lab is not up yet.
    const handle = (): boolean => {
      try {
        const { phase, directory } = stateOf('under-pulumi');
        return phase === 'creating' && readFileSync(join(directory, 'incarnation.json'), 'utf8').includes('"pid"');
      } catch {
        return false;
      }
    };
    for (const deadline = Date.now() + 60_000; !handle() && Date.now() < deadline; )
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    expect(handle()).toBe(true);
    for (const pid of [...project.descendants(child.pid ?? 0), child.pid ?? 0]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended with its parent.
      }
    }
    await ended;
    expect(project.labs()).toEqual(['under-pulumi']);
    // The lock of the stack is a file of the killed process.
    expect((await project.run('cancel', { lab })).error).toBe('');
    if (next === 'up') {
      const again = await project.run('up', { lab });
      expect(again.error).toBe('');
      expect(again.outputs['verdict']).toMatchObject({ value: 'pass' });
    }
    expect((await project.run('destroy', { lab })).error).toBe('');
    expect(project.place.leftovers()).toEqual([]);
  });

  it('keeps a lab that failed to come up in its state when told to retain it, and destroys it', async () => {
    mkdirSync(join(project.folder, 'plugins'));
    const plugin =
      '#!/bin/sh\n[ "$CNI_COMMAND" = VERSION ] && echo \'{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}\' && exit\necho \'{"code":100,"msg":"no pods today"}\'; exit 1\n';
    writeFileSync(join(project.folder, 'plugins/net-none'), plugin, { mode: 0o755 });
    const cni = { type: 'raw', pluginDirs: ['plugins'], conflist: { cniVersion: '1.0.0', name: 'none', plugins: [{ type: 'net-none' }] } };
    const spec = { name: 'no-pods', clusters: [{ name: 'c1', workers: 0, cni, workloads: [{ name: 'web', perNode: 1 }] }] };
    const lab = project.lab(`export const lab = ${JSON.stringify(spec)};`, 'lab.mjs');
    const cleared = await project.run('up', { lab });
    expect(cleared.said).toContain('no pods today');
    expect(project.labs()).toEqual([]);
    const retained = await project.run('up', { lab, retain: true });
    expect(retained.ok).toBe(false);
    expect(project.labs()).toEqual(['no-pods']);
    expect(project.inState('Lab')?.outputs?.['drift']).toEqual(['the lab failed to come up']);
    expect((await project.run('destroy', { lab })).error).toBe('');
    expect(project.place.leftovers()).toEqual([]);
  });

  it("keeps a lab's password out of state and texts", async () => {
    const lab = project.lab(yaml(1, 'weave, password: correct-horse-battery'));
    const preview = await project.run('preview', { lab });
    const up = await project.run('up', { lab });
    expect(up.error).toBe('');
    expect(project.kept()).toContain('under-pulumi');
    for (const shown of [preview.said, up.said, project.kept()]) expect(shown).not.toContain('correct-horse-battery');
    project.lab(yaml(1, 'flannel'));
    expect((await project.run('preview', { lab })).said).not.toContain('correct-horse-battery');
    expect((await project.run('destroy', { lab })).ok).toBe(true);
  });

  it("leaves a lab of the user's own alone", async () => {
    const lab = project.lab(yaml(1));
    expect((await project.place.cnilab(['up', join(project.folder, lab)])).code).toBe(0);
    const refused = await project.run('up', { lab });
    expect(refused.ok).toBe(false);
    expect(refused.said).toMatch(/LAB_EXISTS: there is a lab under-pulumi already, on engine netns, of `cnilab up .*lab\.yaml`/);
    expect((await project.run('destroy', { lab })).ok).toBe(true);
    expect(project.labs()).toEqual(['under-pulumi']);
  });

  it('says what is wrong with its input, and makes nothing', async () => {
    const lab = project.lab(yaml(1));
    const engine = await project.run('up', { lab, engine: 'cloud' });
    expect(engine.error + engine.said).toMatch(/USAGE: there is no engine "cloud"\s+hint: the engines are: netns, kind/);
    const broken = await project.run('up', { lab: project.lab(yaml(-1), 'broken.yaml') });
    expect(broken.error + broken.said).toMatch(/LAB_INVALID[\s\S]*perNode/);
    const nowhere = await project.run('up', { lab: 'nowhere.yaml' });
    expect(nowhere.error + nowhere.said).toMatch(/LAB_FILE_NOT_FOUND: there is no lab file/);
    for (const { said } of [engine, broken, nowhere]) expect(said).not.toMatch(/\n\s+at .*\.js:\d+/);
    expect(project.labs()).toEqual([]);
  });

  it('asks for a passphrase, and for the CLI', async () => {
    await using without = new PulumiProject({ PULUMI_CONFIG_PASSPHRASE: undefined });
    const lab = without.lab(yaml(1));
    const locked = await without.run('up', { lab });
    expect(locked.error).toMatch(/passphrase must be set with PULUMI_CONFIG_PASSPHRASE/);
    await using bare = new PulumiProject({ PATH: '/usr/bin:/bin' });
    const missing = await bare.run('up', { lab: bare.lab(yaml(1)) });
    expect(missing.error).toMatch(/ENOENT: pulumi/);
    expect(missing.ok).toBe(false);
    expect([...without.labs(), ...bare.labs()]).toEqual([]);
  });
});
