import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem } from './findings.ts';

/** The underlay is written in one form, and the lab holds something. */
export function labForm(spec: LabSpec): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  if (spec.underlay?.cidr !== undefined && spec.underlay.segments !== undefined) {
    found.push(
      problem(
        'UNDERLAY_AMBIGUOUS',
        ['underlay', 'cidr'],
        'underlay has cidr, the short form for one segment, and segments',
        'remove cidr, or move it into a segment',
      ),
    );
  }
  const machines = (spec.clusters ?? []).length + (spec.hosts ?? []).length + (spec.routers ?? []).length + (spec.outside?.hosts ?? []).length;
  if (machines === 0)
    found.push(caution('LAB_EMPTY', [], `lab ${spec.name} has no cluster, host or router`, 'add clusters: [{ name: c1, cni: { type: flannel } }]'));
  return found;
}
