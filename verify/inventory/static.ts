/** The inventory alone: every rule over what was read, without a probe. Pure. */
import { inventory } from './index.ts';
import type { Finding } from './finding.ts';
import type { Flow } from './flow.ts';
import type { LabView } from './lab-view.ts';
import { waysToNames, waysToServices } from './ways.ts';

/** What one rule found. */
export interface StaticFindings {
  readonly id: string;
  readonly findings: readonly Finding[];
}

/** Every rule by its id, in the order in which a person would look. */
export function takeStaticInventory(view: LabView): readonly StaticFindings[] {
  const ways: Readonly<Record<string, readonly Flow[]>> = { 'inventory-services': waysToServices(view), 'inventory-names': waysToNames(view) };
  return Object.entries(inventory).map(([id, rule]) => ({ id, findings: rule(view, ways[id] ?? []) }));
}
