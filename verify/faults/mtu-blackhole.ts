import type { Snapshot } from '../../engines/port.ts';
import type { Fault, FaultStep } from './fault.ts';
import { firstRule, ip, namespaceIn } from './steps.ts';
import { type FaultTarget, isOneSegment, overlayTo } from './target.ts';

/** Less than what pods may send, more than IPv6's minimum of 1280 (RFC 8200) where pods have at least 1380. */
const LESS_BYTES = 100;

/**
 * The device towards the peer takes less than the pods send, and "fragmentation needed" (RFC 1191; packet too big, RFC 8201) never leaves the
 * node. On a bridge port nobody would be told anyway.
 */
export const mtuBlackhole: Fault = {
  id: 'mtu-blackhole',
  layer: 'mtu',
  title: 'a hop is narrower than the pods believe, and its ICMP messages are filtered',
  diagnosis: 'mtu-blackhole',
  check: 'size-sweep',
  fits: () => true,
  script: (target, snapshot) => {
    const { node, family, pod } = target;
    const dev = overlayTo(target)?.name ?? node.tun?.name ?? node.interfaces[0]?.name ?? 'eth0';
    const mute =
      family === 'ipv4'
        ? firstRule(node.netns, family, 'filter', 'OUTPUT', ['-p', 'icmp', '--icmp-type', 'fragmentation-needed', '-j', 'DROP'])
        : firstRule(node.netns, family, 'filter', 'OUTPUT', ['-p', 'icmpv6', '--icmpv6-type', 'packet-too-big', '-j', 'DROP']);
    return {
      inject: [...mute.inject, ip(node.netns, 'ipv4', 'link', 'set', dev, 'mtu', pod.interface.mtuBytes - LESS_BYTES)],
      undo: [...asFound(target, snapshot, dev), ...mute.undo, { ...ip(pod.netns, family, 'route', 'flush', 'cache'), tolerant: true }],
    };
  },
};

/** The MTU of the device, and of the bridge, which follows its smallest port. */
function asFound(target: FaultTarget, snapshot: Snapshot, dev: string): readonly FaultStep[] {
  const { node } = target;
  const touched = isOneSegment(target) && node.bridge !== null ? [dev, node.bridge.name] : [dev];
  return namespaceIn(snapshot, node.netns)
    .links.filter((link) => touched.includes(link.name))
    .toSorted((a, b) => touched.indexOf(a.name) - touched.indexOf(b.name))
    .map((link) => ip(node.netns, 'ipv4', 'link', 'set', link.name, 'mtu', link.mtu));
}
