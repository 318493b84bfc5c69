import type { FilterRule } from '../inventory/packet-filter.ts';
import type { Fault } from './fault.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import { fitsService, pickPort } from './service-target.ts';

/** The proxy did not hear of the Service, or its rules were flushed: the ways in are gone, at the cluster IP and at the node port. */
export const serviceRulesMissing: Fault = {
  id: 'service-rules-missing',
  layer: 'service',
  title: 'the proxy of a node has no rules for a Service',
  diagnosis: 'service-not-programmed',
  check: 'service-cluster-ip',
  fits: (target) => fitsService(target, () => true, NONE),
  script: (target, snapshot) => {
    const { rules, found } = pickPort(target, snapshot, () => true);
    const entries = [found.clusterIP, found.nodePort].flatMap((entry) => entry ?? []);
    if (rules.mode === 'nftables') return changeProxy(target.node.netns, rules, { without: entries });
    const isEntry = (rule: FilterRule | undefined): boolean => entries.some((entry) => entry.text === rule?.text);
    const chains = [...new Set(entries.map((entry) => entry.place))].map((place) => {
      const parsed = rules.chains.get(place)?.rules ?? [];
      return [place, listedRules(rules, place).filter((_, index) => !isEntry(parsed[index]))] as const;
    });
    return changeProxy(target.node.netns, rules, { chains: new Map(chains) });
  },
};

export const NONE = 'no Service of the lab is served by its pods';
