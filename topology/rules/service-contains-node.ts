import { cidrContains, formatCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { freeRange } from './cidr-overlap.ts';
import { problem } from './findings.ts';
import { attachmentsOf, rangesOf } from './lab-view.ts';

/** No machine has an address that is a ClusterIP or a pod address as well: the proxy or a pod route would take its packets. */
export function serviceContainsNode(spec: LabSpec): readonly Diagnostic[] {
  const ranges = rangesOf(spec);
  return attachmentsOf(spec).flatMap((plug) =>
    plug.addresses.flatMap(({ text, path, address }) =>
      ranges
        .filter((r) => r.kind !== 'segment' && cidrContains(r.cidr, address))
        .map((r) => {
          const free = freeRange(
            r.cidr,
            ranges.map((other) => other.cidr),
          );
          return problem(
            r.kind === 'services' ? 'SERVICE_CONTAINS_NODE' : 'PODS_CONTAIN_NODE',
            path,
            `${text} of ${plug.what} lies in ${formatCidr(r.cidr)} (${r.what})`,
            `move the ${r.kind}${free === null ? '' : ` to ${formatCidr(free)}, which is free`}, or give ${plug.what} an address outside of ${formatCidr(r.cidr)}`,
          );
        }),
    ),
  );
}
