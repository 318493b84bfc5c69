/** Numbers of connection tracking. Layout: include/uapi/linux/netfilter/nfnetlink_conntrack.h. */

/** (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, and …_DELETE. */
export const CT_GET = 0x101;
export const CT_DELETE = 0x102;
export const IPS_SEEN_REPLY = 2;
export const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  ID: 12,
  ZONE: 18,
  TUPLE_IP: 1,
  TUPLE_PROTO: 2,
  PROTO_NUM: 1,
  SRC_PORT: 2,
  DST_PORT: 3,
  ICMP_ID: 4,
  ICMP_TYPE: 5,
  ICMP_CODE: 6,
  ICMPV6_ID: 7,
  ICMPV6_TYPE: 8,
  ICMPV6_CODE: 9,
} as const;
