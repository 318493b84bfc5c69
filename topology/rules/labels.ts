import type { Diagnostic } from '../diagnostic.ts';
import { subdomainProblem } from '../names.ts';
import type { LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';

type Labels = Readonly<Record<string, string>> | undefined;

const WORD = /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)$/;

/** Why a label key is refused: an optional subdomain and "/", then at most 63 letters, digits, "-", "_", "." (Kubernetes, labels: syntax). */
export function labelKeyProblem(key: string): string | null {
  const slash = key.indexOf('/');
  const prefix = slash === -1 ? null : subdomainProblem(key.slice(0, slash));
  if (prefix !== null) return `the part before "/": ${prefix}`;
  const word = key.slice(slash + 1);
  return word.length > 63 || !WORD.test(word)
    ? `${JSON.stringify(word)} is not 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends`
    : null;
}

/** Why a label value is refused: at most 63 letters, digits, "-", "_", "."; it may be empty. */
export function labelValueProblem(value: string): string | null {
  return value === '' || (value.length <= 63 && WORD.test(value))
    ? null
    : 'it is not at most 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends';
}

function check(labels: Labels, path: Path): readonly Diagnostic[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    const bad = labelKeyProblem(key);
    const found =
      bad === null
        ? []
        : [
            problem(
              'LABEL_INVALID',
              [...path, key],
              `the label key ${JSON.stringify(key)} is refused by Kubernetes: ${bad}`,
              'use a key like app or example.com/tier',
            ),
          ];
    const badValue = labelValueProblem(value);
    if (badValue === null) return found;
    return [
      ...found,
      problem(
        'LABEL_INVALID',
        [...path, key],
        `the value ${JSON.stringify(value.length > 70 ? `${value.slice(0, 70)}…` : value)} of label ${key} is refused by Kubernetes: ${badValue}`,
        'use a value like web or v1.2',
      ),
    ];
  });
}

/** Labels and selectors are what the API server takes. */
export function labels(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, c) => [
    ...(cluster.nodes ?? []).flatMap((n, i) => check(n.labels, ['clusters', c, 'nodes', i, 'labels'])),
    ...(cluster.workloads ?? []).flatMap((w, i) => [
      ...check(w.labels, ['clusters', c, 'workloads', i, 'labels']),
      ...check(w.nodeSelector, ['clusters', c, 'workloads', i, 'nodeSelector']),
    ]),
    ...(cluster.objects ?? []).flatMap((o, i) => check(o.metadata.labels, ['clusters', c, 'objects', i, 'metadata', 'labels'])),
  ]);
}
