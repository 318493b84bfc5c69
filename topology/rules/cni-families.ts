import { familyName } from '../cidr.ts';
import { cniNames, traitsOf } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';
import { clustersOf } from './lab-view.ts';

/** The CNI's data path knows the families that the pods use. */
export function cniFamilies(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const { type } = cluster.spec.cni;
    const missing = cluster.families.filter((f) => !traitsOf(type).families.includes(f));
    if (missing.length === 0) return [];
    const able = cniNames.filter((name) => cluster.families.every((f) => traitsOf(name).families.includes(f)));
    const range = cluster.podCIDRs
      .filter((p) => missing.includes(p.cidr.family))
      .map((p) => p.text)
      .join(', ');
    return [
      problem(
        'CNI_FAMILY_UNSUPPORTED',
        [...cluster.path, 'cni', 'type'],
        `${type} has no ${missing.map(familyName).join(' and ')} data path here; pods of cluster ${cluster.name} use ${range}`,
        `use ${able.join(', ')}, or ${traitsOf(type).families.map(familyName).join(' and ')} pods only`,
      ),
    ];
  });
}
