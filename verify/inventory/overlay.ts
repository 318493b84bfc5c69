/** Every VXLAN device has the planned network identifier, port and local address (RFC 7348). */
import type { Finding } from './finding.ts';
import { isLost, joins } from './flow.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';
import { remakeVxlan } from './remake-vxlan.ts';
import { routeWords } from './route-lookup.ts';
import { ipArgv } from '../ip-argv.ts';

/** Overlay devices that differ from the plan; the kernel cannot change them in place, so they are mended by making them anew. */
export function inventoryOverlay(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) =>
    node.vxlans.flatMap((device): readonly Finding[] => {
      const found = namespaceOf(view, node.netns)?.links.find((link) => link.name === device.name)?.vxlan;
      if (found === undefined || found === null) return [];
      const explains: Finding['explains'] = (flow) => isLost(flow) && device.peers.some((peer) => joins(flow, node.id, peer.node));
      const routes = node.podRoutes.filter((route) => route.dev === device.name);
      const commands = [...remakeVxlan(device), ...routes.map((route) => ipArgv(route.family, 'route', 'replace', ...routeWords(route)))];
      const mend = execCommand(view, node, ['sh', '-ec', commands.map((words) => words.join(' ')).join('; ')]);
      const findings: Finding[] = [];
      if (found.vni !== device.vni) {
        findings.push({
          name: 'vni-mismatch',
          where: [node.id],
          certainty: 'certain',
          explains,
          evidence: [`${device.name} of ${node.name} has VXLAN id ${found.vni}; its peers have ${device.vni}`],
          mend,
        });
      }
      const wrong = [
        ...(found.port === device.port ? [] : [`UDP port ${found.port}, planned ${device.port}`]),
        ...(found.local === device.local || found.local === '' ? [] : [`local address ${found.local}, planned ${device.local}`]),
      ];
      if (wrong.length > 0) {
        findings.push({
          name: 'overlay-mismatch',
          where: [node.id],
          certainty: 'certain',
          explains,
          evidence: [`${device.name} of ${node.name} has ${wrong.join(' and ')}`],
          mend,
        });
      }
      return findings;
    }),
  );
}
