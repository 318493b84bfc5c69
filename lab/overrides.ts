import { versionOfImage } from '../topology/kind-images.ts';
import type { LoadedLab } from './load-lab.ts';

/** What a user may say beside the lab file, for engines that run real images. */
export interface Overrides {
  /** Image of every node; its tag is the Kubernetes version of clusters that name none. */
  readonly nodeImage?: string;
  /** The same, for clusters alone whose file names none: what an environment says gives way to a lab. */
  readonly usualNodeImage?: string;
  /** Images by repository, over those of the lab file. */
  readonly images?: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function override(cluster: unknown, { nodeImage, usualNodeImage }: Overrides): unknown {
  if (!isRecord(cluster)) return cluster;
  const image = nodeImage ?? (cluster['nodeImage'] === undefined ? usualNodeImage : undefined);
  if (image === undefined) return cluster;
  const version = versionOfImage(image);
  return { ...(version === null || cluster['kubernetesVersion'] !== undefined ? {} : { kubernetesVersion: version }), ...cluster, nodeImage: image };
}

/** The lab as its file says it, with what the user chose for this run written into it; checked afterwards like the rest. */
export function withOverrides(loaded: LoadedLab, overrides: Overrides): LoadedLab {
  const { nodeImage, usualNodeImage, images } = overrides;
  if ((nodeImage ?? usualNodeImage ?? images) === undefined || !isRecord(loaded.input)) return loaded;
  const { clusters, images: own, ...rest } = loaded.input;
  const input = {
    ...rest,
    ...(Array.isArray(clusters) ? { clusters: clusters.map((cluster) => override(cluster, overrides)) } : clusters === undefined ? {} : { clusters }),
    ...(images === undefined ? (own === undefined ? {} : { images: own }) : { images: { ...(isRecord(own) ? own : {}), ...images } }),
  };
  return { ...loaded, input };
}
