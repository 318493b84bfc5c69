import type { Diagnostic } from '../diagnostic.ts';
import { caution, problem, type Path } from '../rules/findings.ts';
import type { KubernetesObject } from '../spec.ts';
import type { NetworkPolicy, PolicyDirection, PolicyRule } from './model.ts';
import { readList, readObject, readTexts, type Found } from './read-fields.ts';
import { readPeer } from './read-peer.ts';
import { readPort } from './read-port.ts';
import { readSelector } from './read-selector.ts';

export const POLICY_API_VERSION = 'networking.k8s.io/v1';

/** Is it a NetworkPolicy of Kubernetes itself? CNIs have kinds of that name in groups of their own. */
export function isNetworkPolicy(object: KubernetesObject): boolean {
  return object.kind === 'NetworkPolicy' && object.apiVersion === POLICY_API_VERSION;
}

const TYPES = { Ingress: 'ingress', Egress: 'egress' } as const satisfies Readonly<Record<string, PolicyDirection>>;
const PEERS = { ingress: 'from', egress: 'to' } as const;

function readRule(value: unknown, direction: PolicyDirection, path: Path, found: Found): PolicyRule {
  const side = PEERS[direction];
  const rule = readObject(value, [side, 'ports'], path, found);
  const peers = readList(rule[side], [...path, side], found);
  const ports = readList(rule['ports'], [...path, 'ports'], found);
  return {
    // An empty list is as good as none: everybody, everything.
    peers: peers.length === 0 ? null : peers.flatMap(({ item, path: at }) => readPeer(item, at, found)),
    ports: ports.length === 0 ? null : ports.flatMap(({ item, path: at }) => readPort(item, at, found)),
  };
}

/** The directions it isolates: as written, else Ingress, and Egress where it has egress rules (API defaults of NetworkPolicySpec). */
function readTypes(value: unknown, hasEgress: boolean, path: Path, found: Found): ReadonlySet<PolicyDirection> {
  const words = readTexts(value, path, found);
  if (words.length > 2) found.push(problem('POLICY_TYPE', path, 'policyTypes has more than two entries', 'name Ingress, Egress, or both'));
  const directions = words.flatMap(({ text, path: at }) => {
    if (Object.hasOwn(TYPES, text)) return [TYPES[text as keyof typeof TYPES]];
    found.push(problem('POLICY_TYPE', at, `${JSON.stringify(text)} is not a type of policy`, 'use Ingress or Egress'));
    return [];
  });
  return new Set(words.length > 0 ? directions : hasEgress ? ['ingress', 'egress'] : ['ingress']);
}

/**
 * Reads a NetworkPolicy of networking.k8s.io/v1 as the API server would: fields that do not exist, ranges that are none, ports that are turned around and
 * selectors that cannot be are errors. What remains without them is the policy.
 *
 * @param path where the object stands in the lab, for the findings
 */
export function readPolicy(object: KubernetesObject, path: Path): { readonly policy: NetworkPolicy; readonly findings: readonly Diagnostic[] } {
  const found: Found = [];
  const at = [...path, 'spec'];
  const spec = readObject(object['spec'], ['podSelector', 'policyTypes', 'ingress', 'egress'], at, found);
  const rules = (direction: PolicyDirection): readonly PolicyRule[] =>
    readList(spec[direction], [...at, direction], found).map(({ item, path: here }) => readRule(item, direction, here, found));
  const written = { ingress: rules('ingress'), egress: rules('egress') };
  const types = readTypes(spec['policyTypes'], written.egress.length > 0, [...at, 'policyTypes'], found);
  for (const [type, direction] of Object.entries(TYPES)) {
    if (types.has(direction) || written[direction].length === 0) continue;
    const hint = `add ${type} to policyTypes, or remove the rules`;
    found.push(caution('POLICY_RULES_UNUSED', [...at, direction], `policyTypes leaves ${type} out, so its rules have no effect`, hint));
  }
  const namespace = object.metadata.namespace ?? 'default';
  return {
    policy: {
      id: `${namespace}/${object.metadata.name}`,
      namespace,
      name: object.metadata.name,
      pods: readSelector(spec['podSelector'], [...at, 'podSelector'], found),
      ingress: types.has('ingress') ? written.ingress : null,
      egress: types.has('egress') ? written.egress : null,
    },
    findings: found,
  };
}
