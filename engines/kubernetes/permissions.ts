/** What a user may do in a cluster, asked of the cluster itself before anything is created. */
import { EnvironmentError } from '../../topology/errors.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { Kubectl } from './kubectl.ts';

/** A rule of a ClusterRole or Role: `rbac.authorization.k8s.io/v1` PolicyRule, without URLs that are no resources. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Asked {
  readonly group: string;
  /** `pods/log` */
  readonly resource: string;
  readonly verb: string;
}

interface RulesReview {
  readonly status?: { readonly incomplete?: boolean; readonly resourceRules?: readonly GrantedRule[] };
}
interface GrantedRule extends Partial<AccessRule> {
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The rules in a list of Roles and ClusterRoles. */
export function rulesOf(permissions: readonly KubernetesObject[]): readonly AccessRule[] {
  return permissions.flatMap((object) => (Array.isArray(object['rules']) ? (object['rules'] as readonly AccessRule[]) : []));
}

/**
 * Which of these rules the user lacks, verb by verb, in all namespaces. One request lists what the user may do; only where an authorizer cannot list
 * that (webhooks of providers), each verb is asked for by itself.
 *
 * @param permissions the Roles and ClusterRoles that are needed
 * @throws {LabError} what kubectl throws
 */
export async function missingPermissions(
  kubectl: Kubectl,
  permissions: readonly KubernetesObject[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly AccessRule[]> {
  const asked = rulesOf(permissions).flatMap((rule) =>
    rule.apiGroups.flatMap((group) => rule.resources.flatMap((resource) => rule.verbs.map((verb) => ({ group, resource, verb })))),
  );
  if (asked.length === 0) return [];
  const input = JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: ANY_NAMESPACE } });
  const { status } = await kubectl.json<RulesReview>(['create', '--raw', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', '--filename=-'], {
    ...options,
    input,
  });
  const lacking = asked.filter((one) => !(status?.resourceRules ?? []).some((rule) => grants(rule, one)));
  return grouped(lacking.length > 0 && status?.incomplete === true ? await reviewed(kubectl, lacking, options) : lacking);
}

/** One that does not exist: what is allowed there is allowed everywhere. */
const ANY_NAMESPACE = 'cnilab-verify';

/** As the API server matches them: rbac/v1 PolicyRule. */
function grants(rule: GrantedRule, { group, resource, verb }: Asked): boolean {
  const has = (list: readonly string[] | undefined, word: string): boolean => list?.some((one) => one === '*' || one === word) ?? false;
  const subresource = resource.split('/')[1];
  const named = has(rule.resources, resource) || (subresource !== undefined && has(rule.resources, `*/${subresource}`));
  return has(rule.verbs, verb) && has(rule.apiGroups, group) && named && (rule.resourceNames ?? []).length === 0;
}

/** Those of the asked that a SelfSubjectAccessReview denies; all in one kubectl call, which answers in the order of the questions. */
async function reviewed(kubectl: Kubectl, asked: readonly Asked[], options: { readonly signal?: AbortSignal }): Promise<readonly Asked[]> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: asked.map(reviewOf) });
  const answers = (await kubectl.text(['create', '--filename=-', String.raw`--output=jsonpath={.status.allowed}{"\n"}`], { ...options, input }))
    .trim()
    .split('\n');
  return asked.filter((_, index) => answers[index] !== 'true');
}

/**
 * @throws {EnvironmentError} FORBIDDEN_BY_CLUSTER whose message holds the rules to grant, as YAML
 */
export async function requirePermissions(
  kubectl: Kubectl,
  permissions: readonly KubernetesObject[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const missing = await missingPermissions(kubectl, permissions, options);
  if (missing.length === 0) return;
  throw new EnvironmentError({
    code: 'FORBIDDEN_BY_CLUSTER',
    message: `${kubectl.access.cluster} does not allow what a verification does; missing are\n${rulesAsYaml(missing)}`,
    hint: 'ask an administrator for a ClusterRole with these rules, bound to you by a ClusterRoleBinding',
    details: { rules: missing },
  });
}

/** Rules as the `rules:` of a ClusterRole. */
export function rulesAsYaml(rules: readonly AccessRule[]): string {
  const list = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
  return ['rules:', ...rules.map((rule) => `- {apiGroups: ${list(rule.apiGroups)}, resources: ${list(rule.resources)}, verbs: ${list(rule.verbs)}}`)].join(
    '\n',
  );
}

function reviewOf({ group, resource, verb }: Asked): KubernetesReview {
  const [name = '', subresource] = resource.split('/');
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { group, resource: name, verb, ...(subresource === undefined ? {} : { subresource }) } },
  };
}

interface KubernetesReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: { readonly resourceAttributes: Readonly<Record<string, string>> };
}

/** One rule for each resource, with all verbs that are missing. */
function grouped(missing: readonly Asked[]): readonly AccessRule[] {
  const rules = new Map<string, { apiGroups: readonly string[]; resources: readonly string[]; verbs: string[] }>();
  for (const { group, resource, verb } of missing) {
    const rule = rules.get(`${group} ${resource}`) ?? { apiGroups: [group], resources: [resource], verbs: [] };
    if (!rule.verbs.includes(verb)) rule.verbs.push(verb);
    rules.set(`${group} ${resource}`, rule);
  }
  return [...rules.values()];
}
