/** A real cluster under Pulumi. Its manifests stay with the engine: the plugin of @pulumi/kubernetes is not here, its resources are tested by mocks (test/pulumi). */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PulumiProject } from '../integration/pulumi-project.ts';
import { lacking } from '../requires.ts';
import { containers } from './real.ts';

const why = lacking('kind', 'plugins', 'pulumi');
const NAME = 'real-pulumi';
const yaml = (perNode: number): string =>
  `name: ${NAME}\nclusters:\n  - name: c1\n    workers: 1\n    cni: { type: flannel }\n    workloads: [{ name: web, perNode: ${perNode} }]\n`;

describe.skipIf(why !== null)(`Pulumi on kind${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let project: PulumiProject;
  beforeAll(() => {
    project = new PulumiProject();
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    expect(containers(`cnilab-${NAME}`)).toEqual([]);
  });

  it('comes up, gives a secret kubeconfig that works, is verified, changes in place, is seen to be lost, and is destroyed', { timeout: 900_000 }, async () => {
    const args = {
      lab: project.lab(yaml(1)),
      engine: 'kind',
      manifests: 'engine',
      nodeImage: process.env['CNILAB_NODE_IMAGE'] ?? '',
      images: { 'ghcr.io/flannel-io/flannel': 'ghcr.io/flannel-io/flannel:v0.28.4' },
    } as const;
    const up = await project.run('up', args);
    expect([up.error, up.ok]).toEqual(['', true]);
    expect(up.outputs).toMatchObject({ verdict: { value: 'pass' }, kubeconfig: { secret: true }, podCIDRs: { value: ['10.244.0.0/16'] } });
    const kubeconfig = join(project.folder, 'kubeconfig');
    writeFileSync(kubeconfig, String(up.outputs['kubeconfig']?.value), { mode: 0o600 });
    const kubectl = (...argv: readonly string[]): string => execFileSync('kubectl', ['--kubeconfig', kubeconfig, ...argv], { encoding: 'utf8' });
    const addresses = kubectl('get', 'nodes', '--output', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}').split(' ');
    expect(Object.values(up.outputs['nodeAddresses']?.value as Readonly<Record<string, readonly string[]>>).flat()).toEqual(expect.arrayContaining(addresses));
    expect(up.said + project.kept()).not.toMatch(/client-key-data|BEGIN (?:RSA|EC) PRIVATE KEY/);

    project.lab(yaml(2));
    const changed = await project.run('up', args);
    expect([changed.error, changed.changes]).toEqual(['', { same: 3, update: 2 }]);
    expect(changed.outputs['verdict']).toMatchObject({ value: 'pass' });

    const worker = containers(`cnilab-${NAME}`).find((name) => name.endsWith('worker')) ?? '';
    execFileSync('docker', ['stop', '--time', '0', worker], { stdio: 'ignore' });
    expect((await project.run('refresh', args)).changes).toMatchObject({ update: 1 });
    expect(project.inState('Lab')?.outputs?.['drift']).toEqual(['the lab is lost: what it runs on is gone']);

    expect((await project.run('destroy', args)).error).toBe('');
    expect(containers(`cnilab-${NAME}`)).toEqual([]);
    expect(project.labs()).toEqual([]);
  });
});
