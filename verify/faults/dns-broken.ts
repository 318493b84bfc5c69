import { proxiedPortsOf } from '../../topology/services/proxy/proxied-ports.ts';
import { DNS_PORT } from '../dns/clients.ts';
import { readProgrammedPort } from '../inventory/proxy-rules.ts';
import { dnsOf, hasServers } from './dns-target.ts';
import type { Fault } from './fault.ts';
import { changeProxy, listedRules } from './proxy-chains.ts';
import { rulesOf } from './service-target.ts';

/** The rung of the Service: the servers answer at their pod addresses, and other Services work. */
export const dnsBroken: Fault = {
  id: 'dns-broken',
  layer: 'dns',
  title: 'the proxy of a node has lost the address of the DNS Service',
  diagnosis: 'dns-vip-not-programmed',
  check: 'dns-ladder',
  fits: (target) => {
    const { mode } = target.cluster.kubeProxy;
    return mode === 'iptables' || mode === 'nftables' ? hasServers(target) : `kubeProxy mode ${mode} has no rules of its own to break`;
  },
  script: (target, snapshot) => {
    const { cluster, node, family } = target;
    const rules = rulesOf(target, snapshot);
    const service = dnsOf(cluster);
    const entries = (service === undefined ? [] : proxiedPortsOf(service, node, family))
      .filter(({ port }) => port.port === DNS_PORT)
      .flatMap((port) => readProgrammedPort(rules, port).clusterIP ?? []);
    const texts = new Set(entries.map((entry) => entry.text));
    const kept = (place: string): readonly string[] => {
      const all = rules.chains.get(place)?.rules ?? [];
      return listedRules(rules, place).filter((_, at) => !texts.has(all[at]?.text ?? ''));
    };
    const change = rules.mode === 'nftables' ? { without: entries } : { chains: new Map(entries.map(({ place }) => [place, kept(place)])) };
    return changeProxy(node.netns, rules, change);
  },
};
