import type { Fault } from './fault.ts';
import { hasReachablePod, reachablePod } from './reachable-pod.ts';
import { iptables } from './steps.ts';
import { podAddress, rangesOf } from './target.ts';

/** A container brought an iptables of its own: its rules are obeyed, and the node's own iptables does not list them. */
export const iptablesBackendsMixed: Fault = {
  id: 'iptables-backends-mixed',
  layer: 'filter',
  title: 'rules of a node are in both backends of iptables, and one that the other does not list drops',
  diagnosis: 'mixed-iptables-backends',
  check: 'r1-pod-to-pod',
  needs: ['iptables-legacy'],
  fits: hasReachablePod,
  script: (target) => {
    const { node, family } = target;
    const { netns } = node;
    const legacy = family === 'ipv4' ? 'iptables-legacy' : 'ip6tables-legacy';
    const drop = ['-d', podAddress(target, reachablePod(target) ?? target.pod), '-j', 'DROP'];
    const accept = rangesOf(target, node).map((range) => ['-s', range, '-j', 'ACCEPT']);
    return {
      inject: [
        {
          netns,
          argv: [legacy, '-w', '-A', 'FORWARD', ...drop],
          lack: `${legacy} does not work here: it is not installed, or the kernel has no legacy tables`,
        },
        ...accept.map((rule) => iptables(netns, family, '-A', 'FORWARD', ...rule)),
      ],
      undo: [{ netns, argv: [legacy, '-w', '-D', 'FORWARD', ...drop] }, ...accept.map((rule) => iptables(netns, family, '-D', 'FORWARD', ...rule))],
    };
  },
};
