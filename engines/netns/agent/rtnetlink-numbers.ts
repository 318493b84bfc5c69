/** Numbers of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, if_bridge.h. */
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

export const RTM_GETNSID = 90;
export const NETNSA = { NSID: 1, FD: 3 } as const;

export const IFF_UP = 0x1;
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  PROTINFO: 12,
  LINKINFO: 18,
  STATS64: 23,
  GROUP: 27,
  NET_NS_FD: 28,
  CARRIER: 33,
  LINK_NETNSID: 37,
} as const;
export const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;
export const IFLA_VXLAN = { ID: 1, LINK: 3, LOCAL: 4, LEARNING: 7, PORT: 15, LOCAL6: 17 } as const;
export const IFLA_IPTUN = { LOCAL: 2 } as const;
export const IFLA_BRPORT_MODE = 4;
export const VETH_INFO_PEER = 1;

export const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
/** Use the address at once, without duplicate address detection (RFC 4862, 5.4). */
export const IFA_F_NODAD = 0x2;

export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, MULTIPATH: 9, TABLE: 15, VIA: 18 } as const;
export const RT_TABLE_MAIN = 254;
export const RTPROT_STATIC = 4;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_NOWHERE = 255;
export const RTN_UNICAST = 1;
export const RTN_BLACKHOLE = 6;
/** Names of route types, indexed by RTN_*. */
export const ROUTE_TYPES: readonly string[] = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
];
export const RTNH_F_ONLINK = 4;
/** The route is in a cache, not in a table. */
export const RTM_F_CLONED = 0x200;

export const NDA = { DST: 1, LLADDR: 2, MASTER: 9 } as const;
export const NTF_SELF = 0x2;
export const NTF_PROXY = 0x8;
export const NUD_PERMANENT = 0x80;
/** Names of neighbour states, as iproute2 prints them. */
export const NEIGHBOUR_STATES: Readonly<Record<number, string>> = {
  0x00: 'none',
  0x01: 'incomplete',
  0x02: 'reachable',
  0x04: 'stale',
  0x08: 'delay',
  0x10: 'probe',
  0x20: 'failed',
  0x40: 'noarp',
  0x80: 'permanent',
};
