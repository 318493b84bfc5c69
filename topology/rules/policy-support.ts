import { cniNames, traitsOf } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { NetworkPolicy, PolicyPort } from '../policy/model.ts';
import { isNetworkPolicy, POLICY_API_VERSION, readPolicy } from '../policy/read-policy.ts';
import { selects } from '../policy/select.ts';
import type { LabSpec } from '../spec.ts';
import { caution, note, type Path } from './findings.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';
import { objectVersions } from './object-versions.ts';
import { MAX_PODS, podsAskedFor, scheduledPods } from './pods-view.ts';
import type { PodDraft } from '../workloads.ts';

interface Placed {
  readonly policy: NetworkPolicy;
  readonly path: Path;
  readonly findings: readonly Diagnostic[];
}

function ignored(cluster: ClusterView, policies: readonly Placed[]): readonly Diagnostic[] {
  const traits = traitsOf(cluster.spec.cni.type);
  const [first] = policies;
  if (first === undefined || traits.enforcesNetworkPolicy) return [];
  const list = policies.map(({ policy }) => policy.id).join(', ');
  return [
    caution(
      'POLICY_IGNORED',
      first.path,
      `${traits.title} does not enforce NetworkPolicies: ${list} ${policies.length === 1 ? 'has' : 'have'} no effect`,
      `use a CNI that enforces them: ${cniNames.filter((name) => traitsOf(name).enforcesNetworkPolicy).join(', ')}`,
    ),
  ];
}

const namedPorts = (ports: readonly PolicyPort[] | null): readonly string[] => (ports ?? []).flatMap(({ port }) => (typeof port === 'string' ? [port] : []));

/** What a policy says that comes to nothing on the pods of its cluster. */
function idle(cluster: ClusterView, pods: readonly PodDraft[], { policy, path }: Placed): readonly Diagnostic[] {
  const selected = pods.filter((pod) => pod.namespace === policy.namespace && selects(policy.pods, pod.labels));
  const exempt = selected.filter((pod) => pod.hostNetwork);
  const at = [...path, 'spec', 'podSelector'];
  const found: Diagnostic[] = [];
  if (selected.length === 0) {
    found.push(
      note(
        'POLICY_SELECTS_NOTHING',
        at,
        `NetworkPolicy ${policy.id} selects no pod of cluster ${cluster.name}`,
        'compare its labels and namespace with those of the pods',
      ),
    );
  }
  if (exempt.length > 0) {
    found.push(
      caution(
        'POLICY_HOST_NETWORK',
        at,
        `NetworkPolicy ${policy.id} selects ${exempt.map((pod) => pod.name).join(', ')}: pods with hostNetwork are their node, which policies do not isolate`,
        'run the pod without hostNetwork, or filter on the node',
      ),
    );
  }
  const known = {
    ingress: new Set(selected.flatMap((pod) => pod.ports.map((p) => p.name))),
    egress: new Set(pods.flatMap((pod) => pod.ports.map((p) => p.name))),
  };
  for (const direction of ['ingress', 'egress'] as const) {
    (policy[direction] ?? []).forEach((rule, i) => {
      for (const name of namedPorts(rule.ports)) {
        if (known[direction].has(name) || selected.length === 0) continue;
        found.push(
          caution(
            'POLICY_PORT_UNKNOWN',
            [...path, 'spec', direction, i, 'ports'],
            `${direction === 'ingress' ? 'no pod that it selects' : `no pod of cluster ${cluster.name}`} has a container port named ${JSON.stringify(name)}: the rule lets nothing through by it`,
            'name a port that the destination pods have, or write its number',
          ),
        );
      }
    });
  }
  return found;
}

/** Nothing is said of a cluster that asks for more pods than a lab holds: these are not made. */
function idlePolicies(cluster: ClusterView, policies: readonly Placed[]): readonly Diagnostic[] {
  if (policies.length === 0 || podsAskedFor(cluster) > MAX_PODS) return [];
  const pods = scheduledPods(cluster).map(({ draft }) => draft);
  return policies.flatMap((placed) => idle(cluster, pods, placed));
}

/** NetworkPolicies are what the API server takes, mean pods that are there, and stand on a CNI that enforces them. */
export function policySupport(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const policies = (cluster.spec.objects ?? []).flatMap((object, i): readonly Placed[] => {
      const path = [...cluster.path, 'objects', i];
      return isNetworkPolicy(object) ? [{ ...readPolicy(object, path), path }] : [];
    });
    return [
      ...objectVersions(cluster, { kind: 'NetworkPolicy', apiVersion: POLICY_API_VERSION, code: 'POLICY_VERSION', plural: 'policies' }),
      ...policies.flatMap((placed) => placed.findings),
      ...ignored(cluster, policies),
      ...idlePolicies(
        cluster,
        policies.filter(({ findings }) => findings.every((f) => f.severity !== 'error')),
      ),
    ];
  });
}
