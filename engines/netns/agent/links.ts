/** Links: what `ip link` does, by rtnetlink. */
import type { Op } from '../ops.ts';
import { addressBytes, macBytes } from './address-bytes.ts';
import { KernelError } from './kernel-error.ts';
import { type MessageWriter, NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL } from './netlink-message.ts';
import { forgetLinks, freeIndex, hasLink, linkIndex, type Namespace, netns, rememberLink } from './namespaces.ts';
import {
  IFF_UP,
  IFLA,
  IFLA_BRPORT_MODE,
  IFLA_INFO,
  IFLA_IPTUN,
  IFLA_VXLAN,
  RTM_DELLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
  VETH_INFO_PEER,
} from './rtnetlink-numbers.ts';
import { AF_BRIDGE, ERRNO, inNamespace } from './sys.ts';
import { createTun } from './tun.ts';
import { writeLinkHeader } from './write-headers.ts';

type LinkOp = Extract<Op, { readonly op: 'bridge' | 'veth' | 'vxlan' | 'ipip' | 'tun' | 'dummy' }>;
type OpOf<K extends Op['op']> = Extract<Op, { readonly op: K }>;

/** Creates the link, up (a dummy stays down). @throws KernelError: EEXIST (name taken), EOPNOTSUPP (the kernel lacks the kind), 54 EXFULL (1023 ports of a bridge) */
export function addLink(op: LinkOp): void {
  switch (op.op) {
    case 'bridge':
      return addBridge(op);
    case 'veth':
      return addVeth(op);
    case 'vxlan':
      return addVxlan(op);
    case 'ipip':
      return addIpip(op);
    case 'tun':
      return addTun(op);
    case 'dummy':
      return addDummy(op);
  }
}

/** Deletes the link; fine when it or its namespace is gone. */
export function deleteLink(ns: string, name: string): void {
  const namespace = netns(ns);
  const index = linkIndex(namespace, name);
  namespace.rtnl.request(RTM_DELLINK, 0, (m) => writeLinkHeader(m, index, 0, 0), 'cannot remove it');
  namespace.links?.indexes.delete(name);
}

type Fill = (m: MessageWriter, index: number) => void;

/** Creates a link with a chosen index, which it returns. */
function create(namespace: Namespace, name: string, fill: Fill): number {
  return withFreeIndexes([[namespace, name]], () => tryCreate(namespace, name, fill));
}

function tryCreate(namespace: Namespace, name: string, fill: Fill, flags: number = IFF_UP): number {
  const index = freeIndex(namespace);
  namespace.rtnl.request(
    RTM_NEWLINK,
    NLM_F_CREATE | NLM_F_EXCL,
    (m) => fill(writeLinkHeader(m, index, flags, flags).attrText(IFLA.IFNAME, name), index),
    'cannot create it',
  );
  rememberLink(namespace, name, index);
  return index;
}

/**
 * A chosen index may have been taken by somebody else meanwhile (a CNI plugin, a person), which the kernel reports like a taken name: then the links
 * are read again, and unless it is the name indeed, the creation is tried once more.
 */
function withFreeIndexes<T>(ends: readonly (readonly [Namespace, string])[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KernelError && (error.errno === ERRNO.EEXIST || error.errno === ERRNO.EBUSY))) throw error;
    for (const [namespace] of ends) forgetLinks(namespace.name);
    if (ends.some(([namespace, name]) => hasLink(namespace, name))) throw error;
    return work();
  }
}

function setUp(namespace: Namespace, name: string, index: number): void {
  namespace.rtnl.request(RTM_NEWLINK, 0, (m) => writeLinkHeader(m, index, IFF_UP, IFF_UP), `cannot set ${name} up in ${namespace.name}`);
}

function addBridge(op: OpOf<'bridge'>): void {
  create(netns(op.ns), op.name, (m) =>
    m.attr(IFLA.ADDRESS, macBytes(op.mac)).attrU32(IFLA.MTU, op.mtu).nest(IFLA.LINKINFO).attrText(IFLA_INFO.KIND, 'bridge').leave(),
  );
}

function addDummy(op: OpOf<'dummy'>): void {
  const namespace = netns(op.ns);
  withFreeIndexes([[namespace, op.name]], () => tryCreate(namespace, op.name, (m) => m.nest(IFLA.LINKINFO).attrText(IFLA_INFO.KIND, 'dummy').leave(), 0));
}

function addVeth(op: OpOf<'veth'>): void {
  const near = netns(op.ns);
  const far = netns(op.peer.ns);
  const master = op.master === null ? 0 : linkIndex(near, op.master);
  const { index, peerIndex } = withFreeIndexes(
    [
      [near, op.name],
      [far, op.peer.name],
    ],
    () => {
      // Both ends may be in one namespace: then the peer takes the next index.
      const chosen = freeIndex(far) + (near === far ? 1 : 0);
      return { peerIndex: chosen, index: tryCreate(near, op.name, (m) => fillVeth(m, op, master, far.fd, chosen)) };
    },
  );
  rememberLink(far, op.peer.name, peerIndex);
  // A veth cannot be created up while its peer does not exist yet, so the peer needs its own message.
  setUp(far, op.peer.name, peerIndex);
  if (op.hairpin) {
    near.rtnl.request(
      RTM_SETLINK,
      0,
      (m) =>
        writeLinkHeader(m, index, 0, 0, AF_BRIDGE)
          .nest(IFLA.PROTINFO | NLA_F_NESTED)
          .attrU8(IFLA_BRPORT_MODE, 1)
          .leave(),
      'cannot set hairpin mode',
    );
  }
}

function fillVeth(m: MessageWriter, op: OpOf<'veth'>, master: number, farFd: number, peerIndex: number): void {
  m.attrU32(IFLA.MTU, op.mtu);
  if (op.mac !== null) m.attr(IFLA.ADDRESS, macBytes(op.mac));
  if (master !== 0) m.attrU32(IFLA.MASTER, master);
  m.nest(IFLA.LINKINFO).attrText(IFLA_INFO.KIND, 'veth').nest(IFLA_INFO.DATA).nest(VETH_INFO_PEER);
  writeLinkHeader(m, peerIndex, 0, 0)
    .attrText(IFLA.IFNAME, op.peer.name)
    .attr(IFLA.ADDRESS, macBytes(op.peer.mac))
    .attrU32(IFLA.MTU, op.peer.mtu)
    .attrU32(IFLA.NET_NS_FD, farFd);
  m.leave().leave().leave();
}

function addVxlan(op: OpOf<'vxlan'>): void {
  const namespace = netns(op.ns);
  const local = addressBytes(op.local);
  const lower = linkIndex(namespace, op.dev);
  const master = op.master === null ? 0 : linkIndex(namespace, op.master);
  create(namespace, op.name, (m) => {
    m.attr(IFLA.ADDRESS, macBytes(op.mac)).attrU32(IFLA.MTU, op.mtu);
    if (master !== 0) m.attrU32(IFLA.MASTER, master);
    m.nest(IFLA.LINKINFO)
      .attrText(IFLA_INFO.KIND, 'vxlan')
      .nest(IFLA_INFO.DATA)
      .attrU32(IFLA_VXLAN.ID, op.vni)
      .attrU32(IFLA_VXLAN.LINK, lower)
      .attr(local.length === 4 ? IFLA_VXLAN.LOCAL : IFLA_VXLAN.LOCAL6, local)
      .attrU8(IFLA_VXLAN.LEARNING, op.learning ? 1 : 0)
      .attrU16be(IFLA_VXLAN.PORT, op.port)
      .leave()
      .leave();
  });
}

/** Made by its file: there is no way by netlink. */
function addTun(op: OpOf<'tun'>): void {
  const namespace = netns(op.ns);
  if (hasLink(namespace, op.name)) throw new KernelError('cannot create it', ERRNO.EEXIST);
  inNamespace(namespace.fd, () => createTun(op.name));
  forgetLinks(op.ns);
  const index = linkIndex(namespace, op.name);
  namespace.rtnl.request(RTM_NEWLINK, 0, (m) => writeLinkHeader(m, index, IFF_UP, IFF_UP).attrU32(IFLA.MTU, op.mtu), 'cannot configure it');
}

/** `tunl0` exists in every namespace as soon as the kernel has IPIP; Calico uses that one, so it is configured instead of made. */
function addIpip(op: OpOf<'ipip'>): void {
  const namespace = netns(op.ns);
  try {
    create(namespace, op.name, (m) =>
      m
        .attrU32(IFLA.MTU, op.mtu)
        .nest(IFLA.LINKINFO)
        .attrText(IFLA_INFO.KIND, 'ipip')
        .nest(IFLA_INFO.DATA)
        .attr(IFLA_IPTUN.LOCAL, addressBytes(op.local))
        .leave()
        .leave(),
    );
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === ERRNO.EEXIST)) throw error;
    forgetLinks(op.ns);
    const index = linkIndex(namespace, op.name);
    namespace.rtnl.request(RTM_NEWLINK, 0, (m) => writeLinkHeader(m, index, IFF_UP, IFF_UP).attrU32(IFLA.MTU, op.mtu), 'cannot configure it');
  }
}
