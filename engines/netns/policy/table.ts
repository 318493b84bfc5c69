/**
 * NetworkPolicies as one nftables table per node. Written from the rules of networking.k8s.io/v1 apart from `topology/policy/evaluate.ts`, so that each checks
 * the other; they share the model's types.
 *
 * Two base chains in the forward hook, first what pods send, then what they get: packets between pods of a node pass both, and those of the node itself to and
 * from its own pods pass neither (they go by output and input), as Kubernetes wants it. Frames between ports of a bridge come here by br_netfilter.
 * A pod that no policy isolates is in no map. What a pod sends to itself by way of a Service comes here with its own address at both ends, since the source is
 * translated after the forward hook: no policy is asked about it. Dropped packets are counted per pod and direction.
 */
import type { NetworkPolicy, PolicyDirection, PolicyPod, PolicyRule, PolicyWorld } from '../../../topology/policy/model.ts';
import { formatAddress } from '../../../topology/cidr.ts';
import { stableHash } from '../../../topology/names.ts';
import type { Family } from '../../../topology/spec.ts';
import { formatInterval, type Interval } from './intervals.ts';
import { addressOf, peerIntervals, podsIn, podsOf } from './peers.ts';
import { nameMatch, numberMatches } from './ports.ts';

export const POLICY_TABLE: string = 'cnilab-policy';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const IP = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Readonly<Record<Family, string>>;
/** Which address of a packet is the isolated pod's, and which its peer's; where its chain stands: before the filter chains of the CNI. */
const DIRECTIONS = {
  egress: { own: 'saddr', other: 'daddr', priority: 'filter - 6' },
  ingress: { own: 'daddr', other: 'saddr', priority: 'filter - 5' },
} as const satisfies Readonly<Record<PolicyDirection, unknown>>;

/** A policy with the pods of this node that it isolates. */
interface Subject {
  readonly policy: NetworkPolicy;
  readonly rules: readonly PolicyRule[];
  readonly pods: ReadonlySet<PolicyPod>;
}

/**
 * The table of a node, as text for `nft -f`. Null where no policy isolates one of its pods.
 *
 * @param node name of the node
 */
export function policyTable(world: PolicyWorld, node: string, table: string = POLICY_TABLE): string | null {
  const parts = (['egress', 'ingress'] as const).flatMap((direction) => directionParts(world, node, direction));
  return parts.length === 0 ? null : [`table inet ${table} {`, ...parts.map((line) => `\t${line}`), '}', ''].join('\n');
}

function directionParts(world: PolicyWorld, node: string, direction: PolicyDirection): readonly string[] {
  const subjects = world.policies.flatMap((policy): readonly Subject[] => {
    const rules = policy[direction];
    const pods = new Set([...podsIn(world, policy.namespace, policy.pods)].filter((pod) => pod.node === node));
    return rules === null || pods.size === 0 ? [] : [{ policy, rules, pods }];
  });
  const isolated = [...podsOf(world)].filter((pod) => subjects.some((subject) => subject.pods.has(pod)));
  if (isolated.length === 0) return [];
  const { own, other, priority } = DIRECTIONS[direction];
  const maps = FAMILIES.flatMap((family) => {
    const elements = isolated.flatMap((pod) => {
      const address = addressOf(pod, family);
      return address === null ? [] : [`${formatAddress(family, address)} : jump ${podChain(pod, direction)}`];
    });
    return elements.length === 0 ? [] : [{ family, name: `${direction}.${family}`, elements }];
  });
  return [
    ...subjects.flatMap((subject) => policyParts(world, subject, direction)),
    ...isolated.flatMap((pod) => [
      `chain ${podChain(pod, direction)} {`,
      ...FAMILIES.flatMap((family) => {
        const address = addressOf(pod, family);
        return address === null ? [] : [`\t${IP[family]} ${other} ${formatAddress(family, address)} accept`];
      }),
      ...subjects.filter((subject) => subject.pods.has(pod)).map(({ policy }) => `\tjump ${policyChain(policy, direction)}`),
      '\tcounter drop',
      '}',
    ]),
    ...maps.flatMap(({ family, name, elements }) => [`map ${name} {`, `\ttype ${family}_addr : verdict`, `\telements = { ${elements.join(', ')} }`, '}']),
    `chain ${direction} {`,
    `\ttype filter hook forward priority ${priority}; policy accept;`,
    '\tct state established,related accept',
    ...maps.map(({ family, name }) => `\t${IP[family]} ${own} vmap @${name}`),
    '}',
  ];
}

/** The sets of a policy's rules, and the chain that accepts what they let through. `accept` ends one direction: the other's chain comes after. */
function policyParts(world: PolicyWorld, subject: Subject, direction: PolicyDirection): readonly string[] {
  const name = policyChain(subject.policy, direction);
  const rules = subject.rules.map((rule, i) => ruleParts(world, subject, rule, direction, `${name}.${i}`));
  return [...rules.flatMap((rule) => rule.sets), `chain ${name} {`, ...rules.flatMap((rule) => rule.matches.map((match) => `\t${match}accept`)), '}'];
}

interface RuleParts {
  readonly sets: readonly string[];
  /** What a packet must have, each with a space behind, or ''. */
  readonly matches: readonly string[];
}

function ruleParts(world: PolicyWorld, { policy, pods }: Subject, rule: PolicyRule, direction: PolicyDirection, name: string): RuleParts {
  const { other } = DIRECTIONS[direction];
  const numbers = rule.ports === null ? [''] : numberMatches(rule.ports).map((match) => `${match} `);
  const sets: string[] = [];
  // Neither family nor peer is looked at where everybody may come by ports that have numbers.
  const matches = rule.peers === null ? [...numbers] : [];
  for (const family of FAMILIES) {
    const peers = rule.peers === null ? null : peerIntervals(world, policy.namespace, rule.peers, family);
    if (peers !== null && peers.length === 0) continue;
    let from = '';
    if (peers !== null) {
      if (isEverybody(peers, family)) from = `meta nfproto ${family} `;
      else {
        sets.push(...peerSet(`${name}.${family}`, family, peers));
        from = `${IP[family]} ${other} @${name}.${family} `;
      }
      matches.push(...numbers.map((match) => `${from}${match}`));
    }
    // A name means the destination's port: the isolated pods' own, or that of whichever pod they call.
    const named = nameMatch(rule.ports ?? [], direction === 'ingress' ? pods : podsOf(world), family);
    if (named !== null) matches.push(`${from}${named} `);
  }
  return { sets, matches };
}

function isEverybody([first, ...more]: readonly Interval[], family: Family): boolean {
  return more.length === 0 && first?.[0] === 0n && first[1] === (1n << (family === 'ipv4' ? 32n : 128n)) - 1n;
}

function peerSet(name: string, family: Family, peers: readonly Interval[]): readonly string[] {
  const flags = peers.some(([first, last]) => first !== last) ? ['\tflags interval'] : [];
  return [`set ${name} {`, `\ttype ${family}_addr`, ...flags, `\telements = { ${peers.map((peer) => formatInterval(family, peer)).join(', ')} }`, '}'];
}

function podChain(pod: PolicyPod, direction: PolicyDirection): string {
  return chainName(`pod.${pod.namespace}.${pod.id.split('/').at(-1) ?? ''}`, direction);
}

function policyChain(policy: NetworkPolicy, direction: PolicyDirection): string {
  return chainName(`policy.${policy.namespace}.${policy.name}`, direction);
}

/** nft takes 127 bytes for a chain and puts a set's number and family behind it. Kubernetes names hold nothing that nft would not take. */
function chainName(of: string, direction: PolicyDirection): string {
  return `${of.length <= LONGEST ? of : `${of.slice(0, LONGEST - 17)}.${stableHash(of, 16)}`}.${direction}`;
}

const LONGEST = 100;
