import type { Fault } from './fault.ts';
import { freePodAddress } from './free-address.ts';
import { moveEndpoints } from './moved-endpoints.ts';
import { fitsService, isShared, pickPort } from './service-target.ts';

/** A pod was replaced and has another address now; the proxy still has the old one. */
export const staleEndpoint: Fault = {
  id: 'stale-endpoint',
  layer: 'service',
  title: 'the proxy of a node sends its share of a Service to a pod that is gone',
  diagnosis: 'endpoint-is-dead',
  check: 'service-cluster-ip',
  fits: (target) => fitsService(target, isShared, MANY),
  script: (target, snapshot) => {
    const picked = pickPort(target, snapshot, isShared);
    const gone = picked.found.endpoints.find((one) => !picked.port.usable.some((has) => has.local && has.address === one.address)) ?? picked.found.endpoints[0];
    if (gone === undefined) return { inject: [], undo: [] };
    return moveEndpoints(target.node.netns, picked, [
      { from: gone, address: freePodAddress({ ...target, node: target.peer, pod: target.peerPod }), port: gone.port },
    ]);
  },
};

export const MANY = 'no Service of the lab has several endpoints that share its clients';
