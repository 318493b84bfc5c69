/** Endpoints of a Service elsewhere, written as the proxy would: chains named by their endpoint, and the choice among them. */
import { endpointText, iptablesEndpointChain, nftablesEndpointNames } from '../../topology/services/proxy/hashes.ts';
import type { ProgrammedEndpoint } from '../inventory/proxy-rules.ts';
import type { FaultScript } from './fault.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import type { PickedPort } from './service-target.ts';

export interface Move {
  readonly from: ProgrammedEndpoint;
  readonly address: string;
  readonly port: number;
}

/** Lets the proxy in a namespace believe that endpoints of a port are elsewhere. */
export function moveEndpoints(netns: string, { port, rules, found }: PickedPort, moves: readonly Move[]): FaultScript {
  const chains = new Map<string, readonly string[] | null>();
  const renamed = moves.map(({ from, ...to }) => {
    const was = endpointText(from.address, from.port);
    const text = endpointText(to.address, to.port);
    const chain = chainOf(port, rules.mode, text, to);
    const write = (rule: string): string => rule.replaceAll(from.chain, chain).replaceAll(was, text);
    chains.set(from.chain, null);
    chains.set(
      chain,
      listedRules(rules, from.chain).map((rule) => write(rule).replaceAll(from.address, to.address)),
    );
    return { from: from.chain, write };
  });
  for (const name of found.balancing) {
    const rewritten = listedRules(rules, name).map((rule) => renamed.reduce((text, one) => (text.includes(one.from) ? one.write(text) : text), rule));
    chains.set(name, rewritten);
  }
  return changeProxy(netns, rules, { chains });
}

function chainOf({ name, protocol, service, port }: PickedPort['port'], mode: 'iptables' | 'nftables', text: string, to: Omit<Move, 'from'>): string {
  if (mode === 'iptables') return iptablesEndpointChain(name, protocol, text);
  return nftablesEndpointNames({ namespace: service.namespace, service: service.name, protocol, port: port.name }, to.address, to.port).chain;
}
