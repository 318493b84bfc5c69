import type { LabPlan } from './plan.ts';

/** A folder with a prepared disk: `disk.qcow2`, and `vmlinuz` and `initrd` where the disk has no boot loader. */
export interface PreparedImage {
  readonly kind: 'prepared';
  readonly folder: string;
}

/** An image that a distribution publishes: fetched once, and what it lacks to be a node is installed at first boot. */
export interface CloudImage {
  readonly kind: 'cloud';
  readonly url: string;
  readonly algorithm: 'sha256' | 'sha512';
  /** Lower-case hex. */
  readonly digest: string;
}

/** What the disks of machines are layers over. */
export type VmImage = PreparedImage | CloudImage;

export function isImageUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

const CLOUD = /^(?<url>https?:\/\/[^\s'"\\]+)@(?<algorithm>sha256|sha512):(?<digest>[0-9a-f]+)$/;
const DIGITS = { sha256: 64, sha512: 128 } as const;

function cloudImage(text: string): CloudImage | null {
  const { url = '', algorithm: named = '', digest = '' } = CLOUD.exec(text)?.groups ?? {};
  const algorithm = named === 'sha256' || named === 'sha512' ? named : null;
  return algorithm !== null && digest.length === DIGITS[algorithm] && URL.canParse(url) ? { kind: 'cloud', url, algorithm, digest } : null;
}

/** The disk that a `nodeImage` names: an absolute path, or `URL@sha256:HEX`, `URL@sha512:HEX`. Null for anything else: an image of containers is no disk. */
export function vmImage(nodeImage: string | null): VmImage | null {
  if (nodeImage === null) return null;
  return nodeImage.startsWith('/') ? { kind: 'prepared', folder: nodeImage } : cloudImage(nodeImage);
}

/** The disk that a lab names, one for all of its machines; null when it names none. */
export function diskOf(plan: Pick<LabPlan, 'clusters'>): VmImage | null {
  return plan.clusters.map(({ nodeImage }) => vmImage(nodeImage)).find((image) => image !== null) ?? null;
}

/** Disks of machines on a cloud image, in GiB: those images are just large enough for themselves, and cloud-init grows the file system. */
export const CLOUD_DISK_GIB = 20;
