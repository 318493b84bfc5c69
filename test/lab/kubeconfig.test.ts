import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { KubernetesAccess } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { kubeconfigOf } from '../../lab/kubeconfig.ts';
import { up } from '../../lab/up.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const lab: LabSpec = { name: 'a', clusters: [{ name: 'c1', workers: 1, cni: { type: 'bridge' } }] };

async function running(clusters: readonly string[] | null): Promise<{ readonly loadEngine: () => Promise<FileEngine> }> {
  const engine = new FileEngine(join(scratch.folder, 'world'));
  const access = (cluster: string): KubernetesAccess => ({
    cluster,
    kubeconfig: scratch.write(`${cluster}.kubeconfig`, `text of ${cluster}\n`),
    context: `kind-${cluster}`,
    onNode: null,
  });
  Object.assign(engine, { kubernetes: () => clusters?.map(access) ?? null });
  const options = { loadEngine: () => Promise.resolve(engine) };
  await up(await asLoaded(lab), { engine: 'file', ...options });
  return options;
}

it('is that of the only cluster, or of the one that is named', async () => {
  expect(await kubeconfigOf('a', await running(['c1']))).toEqual({ cluster: 'c1', context: 'kind-c1', text: 'text of c1\n' });
  const several = await running(['c1', 'c2']);
  expect(await kubeconfigOf('a', { ...several, cluster: 'c2' })).toMatchObject({ text: 'text of c2\n' });
  await expect(kubeconfigOf('a', several)).rejects.toMatchObject({ code: 'TARGET_UNKNOWN', hint: 'say which: --cluster c1 | c2' });
  await expect(kubeconfigOf('a', { ...several, cluster: 'c3' })).rejects.toMatchObject({ code: 'TARGET_UNKNOWN', message: 'lab a has no cluster "c3"' });
});

it('is refused where clusters have no API, and for a lab that is not there', async () => {
  const options = await running(null);
  await expect(kubeconfigOf('a', options)).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED', message: expect.stringContaining('engine file') as string });
  await expect(kubeconfigOf('b', options)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
});
