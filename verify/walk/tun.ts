/** A packet in the hands of a process behind a TUN device: flannel's backend udp. Pure. */
import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import { namespaceOf } from '../inventory/lab-view.ts';
import type { Frame, Reached } from './frames.ts';
import type { Walk } from './netfilter.ts';
import type { Trail } from './trail.ts';
import { type Device, linkOf, placeName } from './world.ts';

/** The kernel hands it to the process that holds the device, which knows from the lab's plan at which node its destination is. */
export function carry(walk: Walk, trail: Trail, at: Device, { packet, quiet }: Frame): Reached {
  const { world } = walk;
  const show = ['ip', '-d', 'link', 'show', at.dev];
  const where = `${at.dev} of ${placeName(world, at.netns)}`;
  const lose = (why: string, netns = at.netns): Reached => {
    trail.add({ kind: 'loss', netns, says: why, argv: show });
    return { lost: why };
  };
  const tun = world.view.nodes.find((one) => one.netns === at.netns)?.tun;
  if (tun?.name !== at.dev) {
    const why = `${where} hands it to a process, and what that does with it was not read`;
    return { lost: why, unread: true };
  }
  if (linkOf(world, at)?.carrier !== true) return lose(`no process reads from ${where}`);
  const peer = tun.peers.find(({ to }) => cidrContains(parseCidr(to), packet.destination));
  if (peer === undefined) return lose(`the process behind ${where} knows no node for ${packet.destination}`);
  trail.add({
    kind: 'tunnel',
    netns: at.netns,
    says: `${at.dev} hands it to flannel's process, which sends it on in a datagram: ${tun.local} to ${peer.underlay}, UDP port ${tun.port}`,
    state: `${at.dev}: tun mtu ${tun.mtuBytes}`,
    argv: show,
    counter: { kind: 'sent', netns: at.netns, dev: at.dev },
  });
  const outer = walk.outer(walk, trail, at.netns, { source: tun.local, destination: peer.underlay, port: tun.port }, quiet === true);
  if ('lost' in outer) return outer;
  const end = world.view.nodes.find((one) => one.netns === outer.netns)?.tun;
  const link = namespaceOf(world.view, outer.netns)?.links.find((one) => one.name === end?.name);
  if (end === undefined || link?.carrier !== true) return lose(`no process of ${placeName(world, outer.netns)} takes it at UDP port ${tun.port}`, outer.netns);
  trail.add({
    kind: 'tunnel',
    netns: outer.netns,
    says: `flannel's process there writes it to ${end.name}, and the kernel takes it in`,
    state: `${end.name}: tun mtu ${link.mtu}`,
    argv: ['ip', '-d', 'link', 'show', end.name],
    counter: { kind: 'received', netns: outer.netns, dev: end.name },
  });
  return { at: { netns: outer.netns, dev: end.name }, port: null, packet };
}
