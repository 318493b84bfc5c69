import { versionOfImage } from '../topology/kind-images.ts';
import type { LoadedLab } from './load-lab.ts';

/** What a user may say beside the lab file, for engines that run real images. */
export interface Overrides {
  /** Image of every node; its tag is the Kubernetes version of clusters that name none. */
  readonly nodeImage?: string;
  /** Images by repository, over those of the lab file. */
  readonly images?: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function override(cluster: unknown, nodeImage: string | undefined): unknown {
  if (nodeImage === undefined || !isRecord(cluster)) return cluster;
  const version = versionOfImage(nodeImage);
  return { ...(version === null || cluster['kubernetesVersion'] !== undefined ? {} : { kubernetesVersion: version }), ...cluster, nodeImage };
}

/** The lab as its file says it, with what the user chose for this run written into it; checked afterwards like the rest. */
export function withOverrides(loaded: LoadedLab, { nodeImage, images }: Overrides): LoadedLab {
  if ((nodeImage === undefined && images === undefined) || !isRecord(loaded.input)) return loaded;
  const { clusters, images: own, ...rest } = loaded.input;
  const input = {
    ...rest,
    ...(Array.isArray(clusters) ? { clusters: clusters.map((cluster) => override(cluster, nodeImage)) } : clusters === undefined ? {} : { clusters }),
    ...(images === undefined ? (own === undefined ? {} : { images: own }) : { images: { ...(isRecord(own) ? own : {}), ...images } }),
  };
  return { ...loaded, input };
}
