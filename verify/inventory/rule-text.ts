/** A rule in words, and the command that takes it away. */
import type { NodePlan } from '../../topology/plan.ts';
import { splitWords } from './iptables-text.ts';
import type { Hit } from './walk-rules.ts';

/** The rule with its counter, as its own program writes it. */
export function ruleEvidence(node: Pick<NodePlan, 'name'>, hit: Hit): readonly string[] {
  const { chain, rule } = hit;
  const backend = chain.program === 'iptables-legacy' ? 'iptables-legacy ' : '';
  const place = chain.program !== 'nft' ? `${backend}${chain.table}/${chain.name}` : `nft table ${familyWord(hit)} ${chain.table}, chain ${chain.name}`;
  if (rule === null)
    return [
      `the policy of ${place} on ${node.name} is DROP${chain.policyPackets === null || chain.policyPackets === 0 ? '' : ` (${chain.policyPackets} packets)`}`,
    ];
  return [
    `${place} on ${node.name}: "${rule.text}"${rule.packets === null ? '' : `, ${rule.packets} packets`}`,
    ...(hit.probability < 1 ? [`it takes ${Math.round(hit.probability * 100)} % of the packets at random`] : []),
    ...(hit.certain ? [] : ['a match of it could not be evaluated; its counter shows that it is met']),
  ];
}

/** argv that removes the rule, or lifts the policy. */
export function removeRule(hit: Hit): readonly string[] {
  const { chain, rule } = hit;
  if (chain.program !== 'nft') {
    const iptables = chain.program.replace('iptables', chain.family === 'ipv6' ? 'ip6tables' : 'iptables');
    if (rule === null) return [iptables, '-t', chain.table, '-P', chain.name, 'ACCEPT'];
    return [iptables, ...splitWords(rule.text).map((word) => (word === '-A' ? '-D' : word))];
  }
  const place = [familyWord(hit), chain.table, chain.name];
  if (rule === null) return ['nft', 'add', 'chain', ...place, '{ policy accept ; }'];
  const { text } = rule;
  if (chain.rules.every((one) => one.text === text)) return ['nft', 'flush', 'chain', ...place];
  // One of several is deleted by its handle, which the listing did not have. A counter changes its text: then somebody has to look.
  return rule.packets === null ? ['sh', '-c', DELETE_RULE, 'sh', ...place, text] : ['nft', '-a', 'list', 'chain', ...place];
}

const DELETE_RULE =
  'nft delete rule "$1" "$2" "$3" handle $(nft -a list chain "$1" "$2" "$3" | awk -v rule="$4 # handle " \'{ sub(/^[ \\t]+/, "") } index($0, rule) == 1 { print substr($0, length(rule) + 1); exit }\')';

function familyWord({ chain }: Hit): string {
  return chain.family === 'ipv4' ? 'ip' : chain.family === 'ipv6' ? 'ip6' : 'inet';
}
