import { isMarking, readProgrammedPort } from '../inventory/proxy-rules.ts';
import type { Fault } from './fault.ts';
import { fitsOwnEndpoint } from './hairpin-off.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import { rulesOf, servedPorts } from './service-target.ts';

/** The pod then answers itself directly, from another address than the one it asked. */
export const hairpinWithoutMasquerade: Fault = {
  id: 'hairpin-without-masquerade',
  layer: 'service',
  title: 'the proxy of a node does not masquerade what its pods ask themselves',
  diagnosis: 'hairpin-not-masqueraded',
  check: 'service-hairpin',
  fits: fitsOwnEndpoint,
  script: (target, snapshot) => {
    const rules = rulesOf(target, snapshot);
    const own = servedPorts(target).flatMap((port) => {
      const local = new Set(port.usable.filter((one) => one.local).map((one) => one.address));
      return readProgrammedPort(rules, port).endpoints.filter((one) => local.has(one.address));
    });
    const chains = own.map(({ chain, address }) => {
      const parsed = rules.chains.get(chain)?.rules ?? [];
      return [chain, listedRules(rules, chain).filter((_, index) => !parsed.slice(index, index + 1).some((rule) => isMarking(rules, rule, address)))] as const;
    });
    return changeProxy(target.node.netns, rules, { chains: new Map(chains) });
  },
};
