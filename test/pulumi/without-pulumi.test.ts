/** The package as it is installed by somebody who has no Pulumi. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { useScratch } from '../lab/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = useScratch();

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

/** Installs the built package, and of its dependencies those that are not optional. */
function install(): string {
  const project = join(scratch.folder, 'project');
  const installed = join(project, 'node_modules/cnilab');
  mkdirSync(installed, { recursive: true });
  for (const part of ['dist', 'package.json', 'docs', 'labs']) cpSync(join(root, part), join(installed, part), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(project, 'node_modules', name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  return project;
}

describe('cnilab without Pulumi', () => {
  it('has it as an optional peer, and not as a dependency', () => {
    const { dependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    expect(Object.keys(dependencies).filter((name) => name.startsWith('@pulumi/'))).toEqual([]);
    expect(peerDependenciesMeta).toEqual({ '@pulumi/kubernetes': { optional: true }, '@pulumi/pulumi': { optional: true } });
  });

  it('plans, lists and is imported; only cnilab/pulumi asks for it', () => {
    const project = install();
    const run = (...argv: readonly string[]): string =>
      execFileSync(process.execPath, argv, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const main = 'node_modules/cnilab/dist/cli/main.js';
    expect(run(main, 'plan', 'node_modules/cnilab/labs/three-requirements.ts')).toContain('c1/default/web-worker1');
    expect(run(main, 'ls')).toBeDefined();
    const program =
      "import { plan, Lab, Cluster, BridgeCni } from 'cnilab'; const lab = new Lab({ name: 'x' }); new Cluster(lab, 'c1', { cni: new BridgeCni() }); console.log((await plan(lab)).name);";
    expect(run('--input-type=module', '--eval', program)).toBe('x\n');
    // What Pulumi's own process would load needs none of it either.
    expect(run('--input-type=module', '--eval', "console.log(Object.keys((await import('cnilab/pulumi/provider')).providers).join())")).toBe(
      'name,lab,verification\n',
    );
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', "await import('cnilab/pulumi')"], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain("Cannot find package '@pulumi/pulumi'");
  });
});
