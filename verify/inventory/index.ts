/** The static inventory: every rule, in the order in which a person would look. Sends no packet. */
import { inventoryAddresses } from './addresses.ts';
import { inventoryAttachments } from './attachments.ts';
import { inventoryCni } from './cni.ts';
import { inventoryConntrack } from './conntrack.ts';
import type { Finding } from './finding.ts';
import type { Flow } from './flow.ts';
import type { LabView } from './lab-view.ts';
import { inventoryLinks } from './links.ts';
import { inventoryMtu } from './mtu.ts';
import { inventoryNames } from './names.ts';
import { inventoryNeighbours } from './neighbours.ts';
import { inventoryOverlay } from './overlay.ts';
import { inventoryPolicies } from './policies.ts';
import { inventoryRoutes } from './routes.ts';
import { inventoryRules } from './rules.ts';
import { inventoryServices } from './services.ts';
import { inventorySysctls } from './sysctls.ts';

/** A rule of the inventory: what it sees in the plan and the snapshot; `flows` say which paths are worth following. */
export type InventoryRule = (view: LabView, flows: readonly Flow[]) => readonly Finding[];

export const inventory: Readonly<Record<string, InventoryRule>> = {
  'inventory-addresses': inventoryAddresses,
  'inventory-links': inventoryLinks,
  'inventory-sysctls': inventorySysctls,
  'inventory-routes': inventoryRoutes,
  'inventory-overlay': inventoryOverlay,
  'inventory-neighbours': inventoryNeighbours,
  'inventory-conntrack': inventoryConntrack,
  'inventory-rules': inventoryRules,
  'inventory-mtu': inventoryMtu,
  'inventory-policies': inventoryPolicies,
  'inventory-names': inventoryNames,
  'inventory-services': inventoryServices,
  'inventory-cni': inventoryCni,
  'inventory-attachments': inventoryAttachments,
};

/** All findings, of all rules. */
export function takeInventory(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  return Object.values(inventory).flatMap((rule) => rule(view, flows));
}
