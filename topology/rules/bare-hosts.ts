import type { Diagnostic } from '../diagnostic.ts';
import { NO_SEGMENT } from '../draft.ts';
import { FABRIC_NETNS } from '../plan.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';

/** A host without a cable has nothing that the plan could give it, and a namespace of just its name. */
export function bareHosts(spec: LabSpec): readonly Diagnostic[] {
  return [
    ...(spec.underlay?.segments ?? []).flatMap((segment, i) =>
      segment.name === NO_SEGMENT
        ? [
            problem(
              'NAME_RESERVED',
              ['underlay', 'segments', i, 'name'],
              `${NO_SEGMENT} in the place of a segment means: no cable`,
              'name this segment otherwise',
            ),
          ]
        : [],
    ),
    ...(spec.hosts ?? []).flatMap((host, i) => {
      if (host.segment !== NO_SEGMENT) return [];
      const given = (['address', 'gateway', 'routes'] as const).filter((field) => host[field] !== undefined && host[field] !== NO_SEGMENT);
      return [
        ...(host.name === FABRIC_NETNS
          ? [problem('NAME_RESERVED', ['hosts', i, 'name'], `the namespace with the lab's switches is called ${FABRIC_NETNS}`, 'name this host otherwise')]
          : []),
        ...given.map((field) =>
          problem(
            'BARE_HOST_WIRED',
            ['hosts', i, field],
            `host ${host.name} is on no segment, so that it has no interface that ${field === 'address' ? 'an address' : `a ${field === 'gateway' ? 'gateway' : 'route'}`} could belong to`,
            `remove ${field} and set it by hand once there is an interface, or name a segment`,
          ),
        ),
      ];
    }),
  ];
}
