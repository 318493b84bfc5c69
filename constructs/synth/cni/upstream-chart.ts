import type { Construct } from 'constructs';
import { InternalError } from '../../../topology/errors.ts';
import type { CniPlan } from '../../../topology/plan.ts';
import type { KubernetesObject } from '../../../topology/spec.ts';
import { upstreamManifest, type UpstreamObjects } from '../../../topology/upstream.ts';
import { ManifestChart } from './chart.ts';
import { patched, type ManifestPatch } from './patch.ts';

/** Objects as they are, in a file of their own. */
export class ObjectsChart extends ManifestChart {
  constructor(scope: Construct, id: string, objects: readonly KubernetesObject[]) {
    super(scope, id);
    for (const object of objects) this.add(object);
  }
}

/**
 * The objects of a CNI's own manifest, patched for the lab.
 *
 * @throws LabError UPSTREAM_UNEXPECTED when the manifest is not as the patches expect it
 */
export function upstreamObjects(cni: CniPlan, upstream: UpstreamObjects, patches: readonly ManifestPatch[]): readonly KubernetesObject[] {
  const file = upstreamManifest(cni);
  const objects = file === null ? undefined : upstream.get(file.url);
  if (file === null || objects === undefined) throw new InternalError(`${file?.what ?? cni.type} was not fetched before its manifests were made`);
  return patched(file.what, objects, patches);
}
