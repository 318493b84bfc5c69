import type { Fault } from './fault.ts';
import { iptables, namespaceIn } from './steps.ts';

/**
 * Docker's policy (1.13 and newer) after a firewall was loaded anew: the policy drops, and the CNI's own ACCEPT rules are gone. With these in
 * place the policy alone would do nothing.
 */
export const forwardPolicyDrop: Fault = {
  id: 'forward-policy-drop',
  layer: 'filter',
  title: 'the FORWARD policy of a node is DROP and the rules of the CNI are gone',
  diagnosis: 'forward-policy-drops',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: ({ node, family }, snapshot) => {
    const saved = namespaceIn(snapshot, node.netns).rules[family === 'ipv4' ? 'iptables' : 'ip6tables'];
    const { policy, rules } = forwardChain(saved);
    const restore = family === 'ipv4' ? 'iptables-nft-restore' : 'ip6tables-nft-restore';
    return {
      inject: [iptables(node.netns, family, '-P', 'FORWARD', 'DROP'), iptables(node.netns, family, '-F', 'FORWARD')],
      undo: [
        // Others may have put rules of theirs back meanwhile.
        iptables(node.netns, family, '-F', 'FORWARD'),
        { netns: node.netns, argv: [restore, '--noflush', '-w'], input: ['*filter', `:FORWARD ${policy} [0:0]`, ...rules, 'COMMIT', ''].join('\n') },
      ],
    };
  },
};

/** Policy and rules of filter/FORWARD in the text of iptables-save, as iptables-restore takes them. */
function forwardChain(saved: string): { readonly policy: string; readonly rules: readonly string[] } {
  const filter = /^\*filter\n([\s\S]*?)^COMMIT/m.exec(saved)?.[1] ?? '';
  const lines = filter.split('\n');
  return {
    policy: /^:FORWARD (\S+)/.exec(lines.find((line) => line.startsWith(':FORWARD ')) ?? '')?.[1] ?? 'ACCEPT',
    rules: lines.map((line) => line.replace(/^\[\d+:\d+\] /, '')).filter((line) => line.startsWith('-A FORWARD ')),
  };
}
