/** The parts of a verification: what each asks, and which labs have it. */
import type { LabPlan } from '../topology/plan.ts';
import { isClusterDns, isService } from '../topology/services/cluster-services.ts';
import { isIngress } from '../topology/ingress/read-ingress.ts';
import { isNetworkPolicy } from '../topology/policy/read-policy.ts';

export const SUITES = ['network', 'services', 'dns', 'policy'] as const;
export type Suite = (typeof SUITES)[number];

/** Suites of a lab unless others are asked for: the network always; Services and their names, and policies, where the author wrote any. */
export function suitesOf({ clusters }: Pick<LabPlan, 'clusters'>): readonly Suite[] {
  const objects = clusters.flatMap((cluster) => cluster.objects);
  const services = objects.some((object) => isService(object) || isIngress(object));
  const dns = clusters.some((cluster) => cluster.services.some(isClusterDns));
  const has: Readonly<Record<Suite, boolean>> = { network: true, services, dns, policy: objects.some(isNetworkPolicy) };
  return SUITES.filter((suite) => has[suite]);
}
