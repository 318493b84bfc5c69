/** Whether a namespace has tables of nftables at all, which iptables-nft keeps its rules in too: one netlink request in the place of three processes. */
import { NLM_F_DUMP, NLMSG_DONE, splitMessages } from './netlink-message.ts';
import { HEADER_BYTES, netfilterRequest, netfilterSocket } from './nfnetlink.ts';
import { AF_UNSPEC, close, recv, send } from './sys.ts';

/** (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE (include/uapi/linux/netfilter/nf_tables.h). */
const NFT_GETTABLE = 0xa01;
/** The first message is enough: a table, or the end. */
const ANSWER_BYTES = 1 << 15;

/** False only when the kernel says that there are none; true where it cannot tell. @throws KernelError when there is no such namespace */
export function mayHaveTables(ns: string): boolean {
  const fd = netfilterSocket(ns);
  if (fd < 0) return true;
  try {
    const { bytes, length } = netfilterRequest(NFT_GETTABLE, NLM_F_DUMP, AF_UNSPEC, HEADER_BYTES).end();
    if (send(fd, bytes, length, 0) < 0) return true;
    const answer = Buffer.alloc(ANSWER_BYTES);
    const [first] = splitMessages(answer, recv(fd, answer, answer.length, 0));
    return first?.type !== NLMSG_DONE;
  } finally {
    close(fd);
  }
}
