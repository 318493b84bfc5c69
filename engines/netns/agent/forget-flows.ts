/** Deletes flows of connection tracking by ctnetlink, each by its exact tuple: done only when the endpoints of a UDP Service changed. */
import { endpointText } from '../../../topology/services/proxy/hashes.ts';
import type { Op } from '../ops.ts';
import { CT_DELETE } from './ctnetlink.ts';
import { KernelError } from './kernel-error.ts';
import { NLM_F_ACK } from './netlink-message.ts';
import { netfilterRequest } from './nfnetlink.ts';
import { askConntrack, openConntrack, readUdpFlows, type UdpFlow } from './read-flows.ts';
import { AF_INET, AF_INET6, close, ERRNO, errno, recv } from './sys.ts';

type ForgetOp = Extract<Op, { readonly op: 'forget-flows' }>;

/** @throws KernelError when the table cannot be read, or an entry cannot be deleted */
export function forgetFlows(op: ForgetOp): void {
  const endpointsOf = new Map(op.services.flatMap(({ destinations, endpoints }) => destinations.map((text) => [text, new Set(endpoints)] as const)));
  const fd = openConntrack(op.ns);
  try {
    for (const flow of readUdpFlows(fd, op.family === 'ipv4' ? AF_INET : AF_INET6)) {
      const endpoints = endpointsOf.get(endpointText(flow.original.destination, flow.original.destinationPort));
      if (endpoints !== undefined && !endpoints.has(endpointText(flow.reply.source, flow.reply.sourcePort))) remove(fd, flow, op.ns);
    }
  } finally {
    close(fd);
  }
}

function remove(fd: number, flow: UdpFlow, ns: string): void {
  const answer = Buffer.alloc(4096);
  const request = netfilterRequest(CT_DELETE, NLM_F_ACK, flow.family, answer.length);
  for (const [type, body] of flow.identity) request.attr(type, body);
  askConntrack(fd, request);
  const length = recv(fd, answer, answer.length, 0);
  const code = length < 0 ? errno() : -answer.readInt32LE(16);
  // Expired meanwhile: as well.
  if (code !== 0 && code !== ERRNO.ENOENT)
    throw new KernelError(`cannot delete the flow to ${flow.original.destination} from the connection tracking of ${ns}`, code);
}
