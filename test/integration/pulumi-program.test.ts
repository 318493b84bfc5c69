/** Pulumi.yaml and its program, as a user runs them: `pulumi config set`, `pulumi up`, one stack per CNI. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacking } from '../requires.ts';
import { root } from './cnilab.ts';
import { LanguageHost } from './pulumi-language-host.ts';
import { PulumiProject } from './pulumi-project.ts';

const why = lacking('netns', 'plugins', 'pulumi');

describe.skipIf(why !== null)(`pulumi up on Pulumi.yaml${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let project: PulumiProject;
  let host: LanguageHost;
  beforeAll(async () => {
    project = new PulumiProject();
    copyFileSync(join(root, 'Pulumi.yaml'), join(project.folder, 'Pulumi.yaml'));
    symlinkSync(join(root, 'dist'), join(project.folder, 'dist'));
    host = await LanguageHost.start(project.environment);
  });
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    await project?.[Symbol.asyncDispose]();
  });

  const pulumi = async (...argv: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
    try {
      const { stdout, stderr } = await promisify(execFile)('pulumi', [...argv, '--non-interactive', '--color=never'], {
        cwd: project.folder,
        env: project.environment,
      });
      return { code: 0, text: stdout + stderr };
    } catch (error) {
      const { code = -1, stdout = '', stderr = '' } = error as { readonly code?: number; readonly stdout?: string; readonly stderr?: string };
      return { code, text: stdout + stderr };
    }
  };
  const engine = (verb: 'preview' | 'up' | 'destroy', ...more: readonly string[]): ReturnType<typeof pulumi> =>
    pulumi(verb, `--client=127.0.0.1:${host.port}`, '--exec-kind=auto.inline', ...(verb === 'preview' ? [] : ['--yes', '--skip-preview']), ...more);
  const output = async (name: string): Promise<unknown> => JSON.parse((await pulumi('stack', 'output', name, '--json')).text);

  it('brings up a lab per stack, as each is configured, side by side', { timeout: 600_000 }, async () => {
    for (const cni of ['flannel', 'bridge']) {
      expect((await pulumi('stack', 'init', cni)).code).toBe(0);
      await pulumi('config', 'set', 'cni', cni);
      await pulumi('config', 'set', 'workers', '1');
      const preview = await engine('preview');
      expect(preview.text).toContain(`cnilab-${cni}  ${cni}, 1 workers`);
      const up = await engine('up');
      expect([up.code, up.text]).toEqual([0, expect.stringContaining('5 created')]);
      expect(await output('verification')).toMatchObject({ verdict: 'pass', requirements: { R1: 'pass', R2: 'pass', R3: 'pass' } });
      expect(await output('podCIDRs')).toEqual(['10.244.0.0/16']);
    }
    expect(project.labs().toSorted()).toEqual(['cnilab-bridge', 'cnilab-flannel']);
    for (const cni of ['flannel', 'bridge']) {
      await pulumi('stack', 'select', cni);
      expect((await engine('destroy')).code).toBe(0);
      expect((await pulumi('stack', 'rm', '--yes')).code).toBe(0);
    }
    expect(project.place.leftovers()).toEqual([]);
  });

  it('brings up the lab file that is named as seen from Pulumi.yaml, for one stack alone', { timeout: 600_000 }, async () => {
    mkdirSync(join(project.folder, 'labs'));
    const lab = 'name: from-a-file\nclusters: [{ name: c1, workers: 1, cni: { type: bridge }, workloads: [{ name: web, perNode: 1 }] }]\n';
    for (const stack of ['first', 'second']) {
      expect((await pulumi('stack', 'init', stack)).code).toBe(0);
      await pulumi('config', 'set', 'lab', project.lab(lab, 'labs/x.yaml'));
    }
    await pulumi('stack', 'select', 'first');
    const first = await engine('up');
    expect([first.code, first.text]).toEqual([0, expect.stringContaining('5 created')]);
    expect(await output('labName')).toBe('from-a-file');
    await pulumi('stack', 'select', 'second');
    const second = await engine('up');
    expect(second.code).not.toBe(0);
    expect(second.text).toMatch(/LAB_EXISTS: there is a lab from-a-file already, on engine netns, of \S*first/);
    for (const [stack, left] of [
      ['second', ['from-a-file']],
      ['first', []],
    ] as const) {
      await pulumi('stack', 'select', stack);
      expect((await engine('destroy')).code).toBe(0);
      expect((await pulumi('stack', 'rm', '--yes')).code).toBe(0);
      expect(project.labs()).toEqual(left);
    }
    expect(project.place.leftovers()).toEqual([]);
  });

  it('ends with the reason and a code when the configuration is wrong, or the engine cannot run here', async () => {
    await pulumi('stack', 'init', 'wrong');
    await pulumi('config', 'set', 'cni', 'cilium');
    const cni = await engine('up');
    expect(cni.code).not.toBe(0);
    expect(cni.text).toMatch(/USAGE: there is no CNI "cilium"\s+hint: `pulumi config set cni` takes: bridge, flannel, calico, weave, kindnet/);
    await pulumi('config', 'set', 'cni', 'bridge');
    await pulumi('config', 'set', 'engine', 'cloud');
    const unknown = await engine('up');
    expect(unknown.code).not.toBe(0);
    expect(unknown.text).toMatch(/USAGE: there is no engine "cloud"/);
    expect(unknown.text).not.toMatch(/\n\s+at .*\.js:\d+/);
    expect(project.labs()).toEqual([]);
  });

  it('says so when the program is started without Pulumi', async () => {
    const { stderr } = await promisify(execFile)(process.execPath, [join(root, 'dist/pulumi/index.js')], { env: project.environment }).catch(
      (error: { readonly stderr: string }) => error,
    );
    expect(stderr).toContain('this program is run by Pulumi: `pulumi up` in the folder of Pulumi.yaml');
    expect(project.labs()).toEqual([]);
  });
});
