import type { Fault } from './fault.ts';
import { moveEndpoints } from './moved-endpoints.ts';
import { fitsService, pickPort } from './service-target.ts';
import { NONE } from './service-rules-missing.ts';
import { PROBE_PORT } from '../../topology/probing.ts';

/** `targetPort` says another port than the program's. */
export const targetPortWrong: Fault = {
  id: 'target-port-wrong',
  layer: 'service',
  title: 'the proxy of a node sends a Service to a port that its pods do not serve',
  diagnosis: 'endpoint-port-closed',
  check: 'service-cluster-ip',
  fits: (target) => fitsService(target, (port) => port.service.affinitySeconds === null, NONE),
  script: (target, snapshot) => {
    const picked = pickPort(target, snapshot, (port) => port.service.affinitySeconds === null);
    const taken = new Set([PROBE_PORT, ...target.cluster.services.flatMap((service) => service.endpoints.flatMap((one) => one.ports.map((has) => has.port)))]);
    let closed = (picked.found.endpoints[0]?.port ?? 0) + 1;
    while (taken.has(closed)) closed++;
    return moveEndpoints(
      target.node.netns,
      picked,
      picked.found.endpoints.map((from) => ({ from, address: from.address, port: closed })),
    );
  },
};
