import { describe, expect, it } from 'vitest';
import { withOverrides } from '../../lab/overrides.ts';

const written = { name: 'l', clusters: [{ name: 'own', nodeImage: 'mine:v1.33.1' }, { name: 'none' }] };
const imagesOf = (overrides: Parameters<typeof withOverrides>[1]): unknown =>
  (
    withOverrides({ input: written, directory: '/', path: '', sha256: '', watched: [] } as unknown as Parameters<typeof withOverrides>[0], overrides)
      .input as typeof written
  ).clusters;

describe('withOverrides', () => {
  it('lets an option win over the lab file', () => {
    expect(imagesOf({ nodeImage: 'said:v1.34.4' })).toEqual([
      { name: 'own', nodeImage: 'said:v1.34.4', kubernetesVersion: '1.34.4' },
      { name: 'none', nodeImage: 'said:v1.34.4', kubernetesVersion: '1.34.4' },
    ]);
  });

  it('lets the lab file win over what is usual', () => {
    expect(imagesOf({ usualNodeImage: 'usual:v1.34.4' })).toEqual([
      written.clusters[0],
      { name: 'none', nodeImage: 'usual:v1.34.4', kubernetesVersion: '1.34.4' },
    ]);
  });
});
