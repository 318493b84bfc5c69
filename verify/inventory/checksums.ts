/** Outer packets of translated traffic that the other node throws away for their checksum: UdpInCsumErrors there (RFC 7348 section 4.1 leaves the checksum to the sender). */
import { riseEvidence, rise } from './counters.ts';
import type { Finding } from './finding.ts';
import { type Flow, isLost } from './flow.ts';
import { execCommand, type LabView } from './lab-view.ts';
import { isAt, type ServicePlace } from './service-place.ts';

/** One finding per node that counted bad checksums while Services with endpoints on it were asked from elsewhere in vain. */
export function inventoryChecksums(view: LabView, places: readonly ServicePlace[], flows: readonly Flow[]): readonly Finding[] {
  return view.nodes.flatMap((node): readonly Finding[] => {
    if ((rise(view, node.netns, 'UdpInCsumErrors') ?? 0) <= 0) return [];
    const own = new Set(view.pods.filter((pod) => pod.cluster === node.cluster && pod.node === node.name).flatMap(addressesOf));
    const explains = (flow: Flow): boolean =>
      isLost(flow) && flow.failure.serverNode !== node.id && places.some((place) => isAt(flow, place) && place.port.usable.some((one) => own.has(one.address)));
    const senders = view.nodes.filter((one) => flows.some((flow) => flow.failure.serverNode === one.id && explains(flow)));
    const device = senders[0]?.vxlans[0];
    if (senders[0] === undefined || device === undefined) return [];
    return [
      {
        name: 'overlay-checksum-bad',
        where: [...senders.map((one) => one.id), node.id],
        certainty: 'likely',
        evidence: [
          ...riseEvidence(view, node, ['UdpInCsumErrors']),
          `${senders.map((one) => one.name).join(', ')} asked Services with endpoints on ${node.name} in vain meanwhile`,
        ],
        mend: execCommand(view, senders[0], ['ethtool', '-K', device.name, 'tx-checksum-ip-generic', 'off']),
        explains,
      },
    ];
  });
}

function addressesOf(pod: LabView['pods'][number]): readonly string[] {
  return pod.interface?.addresses.map((one) => one.address) ?? [];
}
