import type { Diagnostic } from '../diagnostic.ts';
import { isAtLeast, NEWEST_KUBERNETES, parseKubernetesVersion } from '../kubernetes-version.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem } from './findings.ts';

/** The version is written as Kubernetes writes it, and known. */
export function kubernetesVersion(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, i) => {
    const text = cluster.kubernetesVersion;
    if (text === undefined) return [];
    const path = ['clusters', i, 'kubernetesVersion'];
    const version = parseKubernetesVersion(text);
    if (version === null) {
      return [
        problem(
          'KUBERNETES_VERSION_INVALID',
          path,
          `${JSON.stringify(text)} is not a Kubernetes version`,
          /^v[0-9]/.test(text) ? `write it without the v: ${text.slice(1)}` : `write major.minor or major.minor.patch, like ${NEWEST_KUBERNETES}`,
        ),
      ];
    }
    const newest = parseKubernetesVersion(NEWEST_KUBERNETES);
    if (newest !== null && isAtLeast(version, NEWEST_KUBERNETES) && version.compare(`${newest.major}.${newest.minor + 1}.0`) >= 0) {
      return [
        caution(
          'KUBERNETES_VERSION_UNKNOWN',
          path,
          `Kubernetes ${text} is newer than ${NEWEST_KUBERNETES}, the newest that is known here`,
          `use ${NEWEST_KUBERNETES}, or expect that what ${text} changed is missing`,
        ),
      ];
    }
    return [];
  });
}
