import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadLab } from '../../lab/load-lab.ts';
import { pinUpstream } from '../../lab/pin-upstream.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const lab = (cni: object): string => JSON.stringify({ name: 'demo', clusters: [{ name: 'c1', kubernetesVersion: '1.32', cni }] });

describe('pinning what a lab needs of other projects', () => {
  it('is nothing where everything is written here', async () => {
    const pinned = await pinUpstream(await loadLab(scratch.write('lab.json', lab({ type: 'kindnet' }))));
    expect(pinned).toMatchObject({ path: join(scratch.folder, 'cnilab.lock.json'), files: [] });
  });

  it('takes what the lock file has, checks it in the cache, and keeps the rest', async () => {
    const url = 'https://raw.githubusercontent.com/projectcalico/calico/v3.99.0/manifests/calico-vxlan.yaml';
    const bytes = 'apiVersion: v1\n';
    const digest = createHash('sha256').update(bytes).digest('hex');
    mkdirSync(join(scratch.folder, 'cache', 'cnilab', 'upstream'), { recursive: true });
    writeFileSync(join(scratch.folder, 'cache', 'cnilab', 'upstream', digest), bytes);
    const files = [
      { url: 'https://other.example/', sha256: digest, sizeBytes: 1 },
      { url, sha256: digest, sizeBytes: 1 },
    ];
    scratch.write('cnilab.lock.json', JSON.stringify({ schema: 'cnilab.lock/1', files }));
    const pinned = await pinUpstream(await loadLab(scratch.write('lab.json', lab({ type: 'calico', version: '3.99.0' }))));
    expect(pinned.files).toEqual([{ url, sha256: digest, sizeBytes: bytes.length, what: 'the manifest of Calico 3.99.0', isNew: false }]);
    expect(JSON.parse(pinned.text)).toEqual({ schema: 'cnilab.lock/1', files: [files[0], { url, sha256: digest, sizeBytes: bytes.length }] });
  });

  it('reports an invalid lab before anything is fetched', async () => {
    await expect(pinUpstream(await loadLab(scratch.write('lab.json', lab({ type: 'calico', version: 'latest' }))))).rejects.toMatchObject({
      code: 'LAB_INVALID',
    });
  });
});
