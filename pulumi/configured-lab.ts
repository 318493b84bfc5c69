/** The lab that a stack's configuration asks for: one of the fleet of labs that differ in their CNI. */
import { BridgeCni, CalicoCni, Cluster, FlannelCni, KindnetCni, Lab, PodsPerNode, WeaveCni, type Cni } from '../constructs/index.ts';
import type { LabInput } from '../lab/api.ts';
import { LabError } from '../topology/errors.ts';

const cnis = {
  bridge: () => new BridgeCni(),
  flannel: () => new FlannelCni(),
  calico: () => new CalicoCni(),
  weave: () => new WeaveCni(),
  kindnet: () => new KindnetCni(),
} as const satisfies Record<string, () => Cni>;

/** What `pulumi config set` can say of the lab. */
export interface LabConfiguration {
  /** Path of a lab file: then nothing else here says what the lab is. */
  readonly lab?: string | undefined;
  /** @default flannel */
  readonly cni?: string | undefined;
  /** @default 2 */
  readonly workers?: number | undefined;
  /** @default 2 */
  readonly podsPerNode?: number | undefined;
}

function isCni(name: string): name is keyof typeof cnis {
  return Object.hasOwn(cnis, name);
}

/** A name for the lab of a stack: lower-case letters, digits and dashes, at most 40. */
export function labNameOf(project: string, stack: string): string {
  const name = `${project}-${stack}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return name.slice(0, 40).replaceAll(/^-+|-+$/g, '');
}

/** @throws LabError USAGE listing the CNIs */
export function configuredLab(name: string, { lab: file, cni = 'flannel', workers = 2, podsPerNode = 2 }: LabConfiguration): LabInput {
  if (file !== undefined) return file;
  if (!isCni(cni)) {
    throw new LabError({
      code: 'USAGE',
      message: `there is no CNI ${JSON.stringify(cni)}`,
      hint: `\`pulumi config set cni\` takes: ${Object.keys(cnis).join(', ')}`,
    });
  }
  const lab = new Lab({ name, description: `${cni}, ${workers} workers, from the configuration of a Pulumi stack` });
  const cluster = new Cluster(lab, 'c1', { workers, cni: cnis[cni]() });
  new PodsPerNode(cluster, 'web', { count: podsPerNode });
  return lab;
}
