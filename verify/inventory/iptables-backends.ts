/** iptables-nft and iptables-legacy at once: the kernel obeys both, and each program lists its own rules only. */
import type { NodePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import type { Finding } from './finding.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';
import type { FilterChain } from './packet-filter.ts';

/** Nodes with rules of both backends; by itself it breaks nothing. */
export function inventoryBackends(view: LabView, rulesOf: (netns: string) => readonly FilterChain[]): readonly Finding[] {
  const both = view.nodes.filter((node) => namespaceOf(view, node.netns)?.rules.legacy !== undefined);
  return both.flatMap((node) =>
    (['ipv4', 'ipv6'] as const).flatMap((family): readonly Finding[] => {
      const chains = rulesOf(node.netns);
      if (count(chains, 'iptables', family) === 0 || count(chains, 'iptables-legacy', family) === 0) return [];
      return [
        {
          name: 'mixed-iptables-backends',
          where: [node.id],
          certainty: 'certain',
          evidence: [backendsNote(chains, node, family)],
          mend: execCommand(view, node, [`${family === 'ipv4' ? 'iptables' : 'ip6tables'}-legacy-save`]),
          explains: () => false,
        },
      ];
    }),
  );
}

/** How many rules each backend has, in a sentence. */
export function backendsNote(chains: readonly FilterChain[], node: NodePlan, family: Family): string {
  const program = family === 'ipv4' ? 'iptables' : 'ip6tables';
  return `${node.name} has ${rules(count(chains, 'iptables', family))} of ${program}-nft and ${rules(count(chains, 'iptables-legacy', family))} of ${program}-legacy`;
}

/** A policy that drops counts as a rule. */
function count(chains: readonly FilterChain[], program: FilterChain['program'], family: Family): number {
  return chains
    .filter((chain) => chain.program === program && chain.family === family)
    .reduce((sum, chain) => sum + chain.rules.length + (chain.policy === 'drop' ? 1 : 0), 0);
}

const rules = (number: number): string => `${number} ${number === 1 ? 'rule' : 'rules'}`;
