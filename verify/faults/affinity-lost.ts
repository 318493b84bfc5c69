import type { ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';
import { isRecall } from '../inventory/proxy-rules.ts';
import type { Fault } from './fault.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import { fitsService, pickPort } from './service-target.ts';

const isSticky = ({ service, cluster }: ProxiedPort): boolean => service.affinitySeconds !== null && cluster.length > 1;

/** Clients are remembered, and chosen for anew all the same. */
export const affinityLost: Fault = {
  id: 'affinity-lost',
  layer: 'service',
  title: 'the proxy of a node chooses anew for clients whose Service has session affinity',
  diagnosis: 'session-affinity-broken',
  check: 'service-affinity',
  fits: (target) => fitsService(target, isSticky, 'no Service of the lab has sessionAffinity ClientIP and two endpoints'),
  script: (target, snapshot) => {
    const { rules, found } = pickPort(target, snapshot, isSticky);
    const chains = found.balancing.map((name) => {
      const parsed = rules.chains.get(name)?.rules ?? [];
      return [name, listedRules(rules, name).filter((_, index) => !parsed.slice(index, index + 1).some(isRecall))] as const;
    });
    return changeProxy(target.node.netns, rules, { chains: new Map(chains) });
  },
};
