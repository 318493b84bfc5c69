/** What `ip -json -details addr` prints, as far as it is read: pure. */
import type { AddressPlan } from '../../topology/plan.ts';
import type { AddressSnapshot, LinkSnapshot } from '../port.ts';

/** One interface. */
export interface IpLink {
  readonly ifindex?: number;
  readonly ifname?: string;
  /** Index of what it stands on, or of the other end of a veth pair; told where that is in another namespace. */
  readonly link_index?: number;
  readonly address?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly stats64?: Readonly<Record<'rx' | 'tx', { readonly packets?: number; readonly dropped?: number }>>;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_kind?: string;
    readonly info_slave_data?: { readonly hairpin?: boolean };
    readonly info_data?: {
      readonly id?: number;
      readonly port?: number;
      readonly local?: string;
      readonly local6?: string;
      readonly link?: string;
      readonly learning?: boolean;
    };
  };
  readonly addr_info?: readonly { readonly family?: string; readonly local?: string; readonly prefixlen?: number; readonly scope?: string }[];
}

/** The interfaces of a dump that has names; null for what is no dump. (iproute2 prints `{}` for what a filter leaves out.) */
export function linksOf(dump: unknown): readonly IpLink[] | null {
  if (!Array.isArray(dump)) return null;
  const links = (dump as readonly IpLink[]).filter((one) => typeof one === 'object' && one !== null && typeof one.ifname === 'string');
  return links.length === 0 ? null : links;
}

/** Addresses that others can use: neither of the host nor of the link alone. */
export function globalAddresses(link: IpLink): readonly AddressPlan[] {
  return (link.addr_info ?? []).flatMap((one): AddressPlan[] => {
    if (one.local === undefined || one.scope === 'host' || one.scope === 'link') return [];
    return [{ family: one.family === 'inet6' ? 'ipv6' : 'ipv4', address: one.local, prefixLength: one.prefixlen ?? (one.family === 'inet6' ? 128 : 32) }];
  });
}

/** The interface as a snapshot has it; counters are 0 in a dump without statistics. */
export function linkSnapshot(link: IpLink): LinkSnapshot {
  const data = link.linkinfo?.info_data ?? {};
  const kind = link.linkinfo?.info_kind ?? '';
  const flags = link.flags ?? [];
  return {
    index: link.ifindex ?? 0,
    name: link.ifname ?? '',
    mac: link.address ?? '',
    mtu: link.mtu ?? 0,
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    master: link.master ?? null,
    kind,
    ...(kind === 'veth' && link.link_index !== undefined ? { peer: link.link_index } : {}),
    vxlan: kind === 'vxlan' ? { vni: data.id ?? 0, port: data.port ?? 0, local: data.local ?? data.local6 ?? '', learning: data.learning ?? false } : null,
    hairpin: link.linkinfo?.info_slave_kind === 'bridge' ? (link.linkinfo.info_slave_data?.hairpin ?? false) : null,
    statistics: {
      rxPackets: link.stats64?.rx.packets ?? 0,
      txPackets: link.stats64?.tx.packets ?? 0,
      rxDropped: link.stats64?.rx.dropped ?? 0,
      txDropped: link.stats64?.tx.dropped ?? 0,
    },
  };
}

/** Every address of the interface. */
export function addressSnapshots(link: IpLink): readonly AddressSnapshot[] {
  return (link.addr_info ?? []).flatMap((one) =>
    one.local === undefined
      ? []
      : [
          {
            dev: link.ifname ?? '',
            family: one.family === 'inet6' ? ('ipv6' as const) : ('ipv4' as const),
            address: one.local,
            prefixLength: one.prefixlen ?? 0,
          },
        ],
  );
}
