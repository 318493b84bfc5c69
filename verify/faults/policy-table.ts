/** The rules by which a node enforces policies, as they were found. */
import { clusterEnds } from '../endpoints.ts';
import { portsToTry } from '../policy/cells.ts';
import { enforcesPolicies } from '../policy/enforcement.ts';
import { policyStand } from '../policy/stand.ts';
import { worldOf } from '../policy/world.ts';
import type { Fault, FaultStep } from './fault.ts';
import { namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

const TABLE = 'cnilab-policy';

/** Changes the table by `change`, of the chains of pods that it isolates from what comes in; then puts it back, in one transaction, counters and all. */
export function onPolicyTable(change: (netns: string, chains: readonly string[]) => readonly FaultStep[]): Fault['script'] {
  return ({ node: { netns } }, snapshot) => {
    const { nft } = namespaceIn(snapshot, netns).rules;
    const start = nft.indexOf(`table inet ${TABLE} {`);
    if (start < 0) return { inject: [], undo: [] };
    const text = nft.slice(start, nft.indexOf('\n}', start) + 3);
    const chains = [...text.matchAll(/: jump (pod\.\S+\.ingress)(?=[,\s])/g)].map((found) => found[1] ?? '');
    const restore = { netns, argv: ['nft', '-f', '-'], input: `add table inet ${TABLE}\ndelete table inet ${TABLE}\n${text}` };
    return { inject: change(netns, chains), undo: [restore] };
  };
}

/** argv for the table or one of its chains: `nft VERB table inet …`. */
export function policyStep(netns: string, verb: readonly string[], ...rest: readonly string[]): FaultStep {
  return { netns, argv: ['nft', ...verb, 'inet', TABLE, ...rest] };
}

/** true where policies are enforced and block something at a pod of the node: else nothing would be seen. */
export function enforcesAt({ plan, cluster, node, family }: FaultTarget): true | string {
  if (worldOf(cluster).policies.length === 0) return 'the cluster has no NetworkPolicy';
  if (enforcesPolicies(cluster) !== true) return `${cluster.cni.type} does not enforce NetworkPolicies`;
  const ends = clusterEnds(plan).find((one) => one.plan === cluster);
  // One blocked cell is enough: none of the others is worked out.
  const blocks =
    ends !== undefined &&
    portsToTry(ends, 'tcp').some((port) =>
      ends.pods.some(
        (server) =>
          ends.ends[server]?.nodeId === node.id &&
          ends.pods.some((client) => {
            const stand = policyStand(ends, client, server, 'tcp', family, port);
            return stand.stand === 'blocked' && stand.verdict.egress.allowed;
          }),
      ),
    );
  return blocks ? true : `no policy blocks what comes in to a pod of ${node.name}`;
}
