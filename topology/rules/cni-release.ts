import { parseCniVersion } from '../cni-version.ts';
import { cnis } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';

/** A CNI's version is that of a release, as the tags of its images and manifests are made from it. */
export function cniRelease(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap(({ cni }, i) => {
    const version = 'version' in cni ? cni.version : undefined;
    if (version === undefined || parseCniVersion(version) !== null) return [];
    const bare = version.replace(/^v/, '');
    return [
      problem(
        'CNI_RELEASE_INVALID',
        ['clusters', i, 'cni', 'version'],
        `${JSON.stringify(version)} is no release of ${cnis[cni.type].traits.title}: those are numbered x.y.z`,
        parseCniVersion(bare) === null
          ? `write all three numbers, like ${cnis[cni.type].traits.version}, or leave version out`
          : `write it without the v: ${bare}`,
      ),
    ];
  });
}
