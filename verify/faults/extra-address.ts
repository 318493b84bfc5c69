/** One more address on a node, by which its traffic can be told from the rest, and to which replies find their way. */
import type { FaultStep } from './fault.ts';
import { freePodAddress, freeUnderlayAddress } from './free-address.ts';
import { ip } from './steps.ts';
import { type FaultTarget, isOneSegment } from './target.ts';

/**
 * On the underlay; where pods are one segment, on the bridge, since bridged packets never leave for the underlay. Deprecated
 * at once in IPv6, so that no socket chooses it by itself (RFC 6724 section 5, rule 3).
 */
export function extraAddress(target: FaultTarget): { readonly address: string; readonly add: FaultStep; readonly remove: FaultStep } {
  const { node, family } = target;
  const bridged = isOneSegment(target);
  const dev = (bridged ? node.bridge?.name : node.interfaces[0]?.name) ?? 'eth0';
  const address = bridged ? freePodAddress(target) : freeUnderlayAddress(target);
  const prefix = `${address}/${family === 'ipv4' ? 32 : 128}`;
  return {
    address,
    add: ip(node.netns, family, 'addr', 'add', prefix, 'dev', dev, ...(family === 'ipv6' ? ['nodad', 'preferred_lft', 0] : [])),
    remove: ip(node.netns, family, 'addr', 'del', prefix, 'dev', dev),
  };
}
