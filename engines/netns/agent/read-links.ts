import type { LinkSnapshot } from '../../port.ts';
import { addressText, macText } from './address-bytes.ts';
import type { Namespace } from './namespaces.ts';
import { type Attributes, attributeText, readAttributes } from './netlink-message.ts';
import { IFF_UP, IFLA, IFLA_BRPORT_MODE, IFLA_INFO, IFLA_VXLAN, RTM_GETLINK } from './rtnetlink-numbers.ts';
import { writeLinkHeader } from './write-headers.ts';

/** Offsets in struct rtnl_link_stats64: eight counters of 8 bytes, packets and drops of both directions among them. */
const STATS = { rxPackets: 0, txPackets: 8, rxDropped: 48, txDropped: 56 } as const;

const NOTHING = Buffer.alloc(0);

/** Every link of a namespace, in the kernel's order. */
export function readLinkTable(namespace: Namespace): LinkSnapshot[] {
  const rows: { readonly master: number; readonly link: Omit<LinkSnapshot, 'master'> }[] = [];
  namespace.rtnl.dump(
    RTM_GETLINK,
    (m) => writeLinkHeader(m, 0, 0, 0),
    (body) => {
      const attributes = readAttributes(body, 16);
      const info = readAttributes(attributes.get(IFLA.LINKINFO) ?? NOTHING);
      const kind = attributeText(info.get(IFLA_INFO.KIND));
      rows.push({
        master: attributes.get(IFLA.MASTER)?.readUInt32LE() ?? 0,
        link: {
          index: body.readInt32LE(4),
          name: attributeText(attributes.get(IFLA.IFNAME)),
          mac: macText(attributes.get(IFLA.ADDRESS) ?? NOTHING),
          mtu: attributes.get(IFLA.MTU)?.readUInt32LE() ?? 0,
          up: (body.readUInt32LE(8) & IFF_UP) !== 0,
          carrier: attributes.get(IFLA.CARRIER)?.[0] === 1,
          kind,
          ...(kind === 'veth' ? { peer: attributes.get(IFLA.LINK)?.readUInt32LE() ?? 0 } : {}),
          vxlan: kind === 'vxlan' ? readVxlan(readAttributes(info.get(IFLA_INFO.DATA) ?? NOTHING)) : null,
          hairpin: readHairpin(info),
          statistics: readStatistics(attributes.get(IFLA.STATS64)),
        },
      });
    },
    () => {
      rows.length = 0;
    },
  );
  const names = new Map(rows.map(({ link }) => [link.index, link.name]));
  return rows.map(({ link, master }) => ({ ...link, master: master === 0 ? null : (names.get(master) ?? String(master)) }));
}

function readVxlan(data: Attributes): NonNullable<LinkSnapshot['vxlan']> {
  const local = data.get(IFLA_VXLAN.LOCAL) ?? data.get(IFLA_VXLAN.LOCAL6);
  return {
    vni: data.get(IFLA_VXLAN.ID)?.readUInt32LE() ?? 0,
    port: data.get(IFLA_VXLAN.PORT)?.readUInt16BE() ?? 0,
    local: local === undefined ? '' : addressText(local),
    learning: data.get(IFLA_VXLAN.LEARNING)?.[0] === 1,
  };
}

/** null: the link is no bridge port. */
function readHairpin(info: Attributes): boolean | null {
  if (attributeText(info.get(IFLA_INFO.SLAVE_KIND)) !== 'bridge') return null;
  return readAttributes(info.get(IFLA_INFO.SLAVE_DATA) ?? NOTHING).get(IFLA_BRPORT_MODE)?.[0] === 1;
}

function readStatistics(bytes: Buffer | undefined): LinkSnapshot['statistics'] {
  const at = (offset: number): number => (bytes === undefined ? 0 : Number(bytes.readBigUInt64LE(offset)));
  return { rxPackets: at(STATS.rxPackets), txPackets: at(STATS.txPackets), rxDropped: at(STATS.rxDropped), txDropped: at(STATS.txDropped) };
}
