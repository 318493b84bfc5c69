import type { Diagnostic } from '../diagnostic.ts';
import { note, problem } from './findings.ts';
import type { ClusterView } from './lab-view.ts';

/** A kind of objects that the lab acts on. */
interface ActedOn {
  readonly kind: string;
  readonly apiVersion: string;
  readonly code: string;
  /** Many of them, in the words of a hint. */
  readonly plural: string;
}

/** Versions of the API that were once served for both kinds. Other groups have kinds of their own by these names. */
const FORMER: readonly string[] = ['extensions/v1beta1', 'networking.k8s.io/v1beta1'];

/** Objects of that kind in another version: the API server knows them no more, or nothing acts on them. */
export function objectVersions({ spec, path }: ClusterView, { kind, apiVersion, code, plural }: ActedOn): readonly Diagnostic[] {
  return (spec.objects ?? []).flatMap((object, i) => {
    if (object.kind !== kind || object.apiVersion === apiVersion) return [];
    const at = [...path, 'objects', i, 'apiVersion'];
    const what = `${kind} ${object.metadata.name} is of ${object.apiVersion}`;
    return FORMER.includes(object.apiVersion)
      ? [problem(code, at, `${what}, which no API server serves any more`, `write apiVersion: ${apiVersion}`)]
      : [note(code, at, `${what}: nothing in the lab acts on it`, `${plural} that are acted on are of ${apiVersion}`)];
  });
}
