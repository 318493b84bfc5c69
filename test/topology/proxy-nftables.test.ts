import { describe, expect, it } from 'vitest';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { clusterOf, endpoint, port, service, workerOf } from './proxy-fixture.ts';

const NAME = 'ULMVA6XW-ns1/svc1/tcp/p80';
const SERVICE = `service-${NAME}`;
const LOCAL = `local-${NAME}`;
const EXTERNAL = `external-${NAME}`;
const FIREWALL = `firewall-${NAME}`;
const ONE = '5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80';
const TWO = 'MLKSHPWN-ns1/svc1/tcp/p80__10.180.2.1/80';

const textOf = (services: readonly ServicePlan[], family: Family = 'ipv4'): string => {
  const cluster = clusterOf(services);
  return nftablesServiceRules(cluster, workerOf(cluster), family);
};
const lines = (services: readonly ServicePlan[], family: Family = 'ipv4'): string[] => textOf(services, family).split('\n');
/** Rules of a chain, or elements of a set or map. */
const inside = (text: readonly string[], kind: 'rule' | 'element', name: string): string[] =>
  text.flatMap((line) => {
    const [, body] = new RegExp(`^add ${kind} ip6? kube-proxy ${name.replaceAll('.', '\\.')} (.*)$`).exec(line) ?? [];
    return body === undefined ? [] : [kind === 'element' ? body.slice(2, -2) : body];
  });
/** Chains of Services and endpoints. */
const chainsOf = (text: readonly string[]): string[] => text.flatMap((line) => /^add chain ip6? kube-proxy (\S+\/\S+)$/.exec(line)?.[1] ?? []).sort();

describe('without Services', () => {
  it('has the chains, sets and maps that are always there', () => {
    expect(textOf([])).toMatchInlineSnapshot(`
      "add table ip kube-proxy { comment "rules for kube-proxy" ; }
      add chain ip kube-proxy filter-prerouting-pre-dnat { type filter hook prerouting priority -110 ; }
      add chain ip kube-proxy filter-output-pre-dnat { type filter hook output priority -110 ; }
      add chain ip kube-proxy filter-forward { type filter hook forward priority 0 ; }
      add chain ip kube-proxy filter-input { type filter hook input priority 0 ; }
      add chain ip kube-proxy filter-output { type filter hook output priority 0 ; }
      add chain ip kube-proxy nat-prerouting { type nat hook prerouting priority -100 ; }
      add chain ip kube-proxy nat-output { type nat hook output priority -100 ; }
      add chain ip kube-proxy nat-postrouting { type nat hook postrouting priority 100 ; }
      add chain ip kube-proxy services
      add chain ip kube-proxy masquerading
      add chain ip kube-proxy mark-for-masquerade
      add chain ip kube-proxy firewall-check
      add chain ip kube-proxy service-endpoints-check
      add chain ip kube-proxy nodeport-endpoints-check
      add chain ip kube-proxy cluster-ips-check
      add chain ip kube-proxy reject-chain { comment "helper for @no-endpoint-services / @no-endpoint-nodeports" ; }
      add set ip kube-proxy cluster-ips { type ipv4_addr ; comment "Active ClusterIPs" ; }
      add set ip kube-proxy nodeport-ips { type ipv4_addr ; comment "IPs that accept NodePort traffic" ; }
      add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "ClusterIP, ExternalIP and LoadBalancer IP traffic" ; }
      add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict ; comment "NodePort traffic" ; }
      add map ip kube-proxy firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "destinations that are subject to LoadBalancerSourceRanges" ; }
      add map ip kube-proxy no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; comment "vmap to drop or reject packets to services with no endpoints" ; }
      add map ip kube-proxy no-endpoint-nodeports { type inet_proto . inet_service : verdict ; comment "vmap to drop or reject packets to service nodeports with no endpoints" ; }
      add rule ip kube-proxy filter-prerouting-pre-dnat ct state new jump firewall-check
      add rule ip kube-proxy filter-output-pre-dnat ct state new jump firewall-check
      add rule ip kube-proxy filter-forward ct state new jump service-endpoints-check
      add rule ip kube-proxy filter-forward ct state new jump cluster-ips-check
      add rule ip kube-proxy filter-input ct state new jump nodeport-endpoints-check
      add rule ip kube-proxy filter-input ct state new jump service-endpoints-check
      add rule ip kube-proxy filter-output ct state new jump service-endpoints-check
      add rule ip kube-proxy filter-output ct state new jump cluster-ips-check
      add rule ip kube-proxy nat-output jump services
      add rule ip kube-proxy nat-prerouting jump services
      add rule ip kube-proxy nat-postrouting jump masquerading
      add rule ip kube-proxy mark-for-masquerade mark set mark or 0x4000
      add rule ip kube-proxy masquerading mark and 0x4000 == 0 return
      add rule ip kube-proxy masquerading mark set mark xor 0x4000
      add rule ip kube-proxy masquerading masquerade fully-random
      add rule ip kube-proxy cluster-ips-check ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"
      add rule ip kube-proxy cluster-ips-check ip daddr { 172.29.0.0/16 } drop comment "Drop traffic to unallocated ClusterIPs"
      add rule ip kube-proxy reject-chain reject
      add rule ip kube-proxy service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services
      add rule ip kube-proxy nodeport-endpoints-check ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
      add rule ip kube-proxy firewall-check ip daddr . meta l4proto . th dport vmap @firewall-ips
      add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips
      add rule ip kube-proxy services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
      add element ip kube-proxy nodeport-ips { 172.30.0.3 }
      "
    `);
  });
  it('is one command a line, whatever there is: what loads it relies on it', () => {
    const all = lines([service({ affinitySeconds: 60, ports: [port({ nodePort: 30_001 })], loadBalancerIPs: ['203.0.113.9'] })]);
    expect(all.filter((line) => line !== '' && !/^add (table|chain|set|map|rule|element) ip kube-proxy( |$)/.test(line))).toEqual([]);
  });
});

describe('a Service', () => {
  it('with a cluster IP and a node port: the chains of kube-proxy, rule by rule', () => {
    const text = lines([service({ ports: [port({ nodePort: 3001 })] })]);
    expect(chainsOf(text)).toEqual([`endpoint-${ONE}`, `endpoint-${TWO}`, EXTERNAL, SERVICE].sort());
    expect(inside(text, 'element', 'cluster-ips')).toEqual(['172.30.0.41']);
    expect(inside(text, 'element', 'service-ips')).toEqual([`172.30.0.41 . tcp . 80 : goto ${SERVICE}`]);
    expect(inside(text, 'element', 'service-nodeports')).toEqual([`tcp . 3001 : goto ${EXTERNAL}`]);
    expect(inside(text, 'rule', SERVICE)).toEqual([
      'ip daddr 172.30.0.41 ip saddr != 10.0.0.0/8 jump mark-for-masquerade',
      `numgen random mod 2 vmap { 0 : goto endpoint-${ONE} , 1 : goto endpoint-${TWO} }`,
    ]);
    expect(inside(text, 'rule', EXTERNAL)).toEqual(['jump mark-for-masquerade', `goto ${SERVICE}`]);
    expect(inside(text, 'rule', `endpoint-${ONE}`)).toEqual(['ip saddr 10.180.0.1 jump mark-for-masquerade', 'meta l4proto tcp dnat to 10.180.0.1:80']);
  });

  it('takes node ports on the primary address of the node alone', () => {
    expect(inside(lines([]), 'element', 'nodeport-ips')).toHaveLength(1);
    const cluster = clusterOf([]);
    expect(inside(lines([]), 'element', 'nodeport-ips')).toEqual([workerOf(cluster).interfaces[0]?.addresses[0]?.address]);
  });

  it('with affinity has a set of clients per endpoint, asked before the dice', () => {
    const text = lines([service({ affinitySeconds: 10_800 })]);
    expect(text).toContain(`add set ip kube-proxy affinity-${ONE} { type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }`);
    expect(inside(text, 'rule', SERVICE).slice(1, 3)).toEqual([
      `ip saddr @affinity-${ONE} goto endpoint-${ONE}`,
      `ip saddr @affinity-${TWO} goto endpoint-${TWO}`,
    ]);
    expect(inside(text, 'rule', `endpoint-${ONE}`)[1]).toBe(`update @affinity-${ONE} { ip saddr }`);
  });

  it('externalTrafficPolicy Local: short cuts for the cluster, the endpoints of this node for the rest', () => {
    const text = lines([service({ externalTrafficPolicy: 'Local', ports: [port({ nodePort: 3001 })] })]);
    expect(inside(text, 'rule', EXTERNAL)).toEqual([
      `ip saddr 10.0.0.0/8 goto ${SERVICE} comment "short-circuit pod traffic"`,
      'fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"',
      `fib saddr type local goto ${SERVICE} comment "short-circuit local traffic"`,
      `goto ${LOCAL}`,
    ]);
    expect(inside(text, 'rule', LOCAL)).toEqual([`numgen random mod 1 vmap { 0 : goto endpoint-${ONE} }`]);
  });

  it('without endpoints on this node under a Local policy: dropped; without any: refused', () => {
    const endpoints = [endpoint('10.180.2.1', 'control-plane1')];
    const local = { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local', ports: [port({ nodePort: 3001 })] } as const;
    const elsewhere = lines([service({ ...local, endpoints })]);
    expect(inside(elsewhere, 'element', 'no-endpoint-services')).toEqual(['172.30.0.41 . tcp . 80 comment "ns1/svc1:p80" : drop']);
    expect(inside(elsewhere, 'element', 'no-endpoint-nodeports')).toEqual(['tcp . 3001 comment "ns1/svc1:p80" : drop']);
    expect(inside(elsewhere, 'element', 'service-ips')).toEqual([]);
    expect(inside(elsewhere, 'rule', EXTERNAL)).toHaveLength(3);
    const none = lines([service({ ...local, externalIPs: ['192.0.2.1'], endpoints: [] })]);
    expect(inside(none, 'element', 'no-endpoint-services')).toEqual([
      '172.30.0.41 . tcp . 80 comment "ns1/svc1:p80" : goto reject-chain',
      '192.0.2.1 . tcp . 80 comment "ns1/svc1:p80" : goto reject-chain',
    ]);
    expect(inside(none, 'element', 'no-endpoint-nodeports')).toEqual(['tcp . 3001 comment "ns1/svc1:p80" : goto reject-chain']);
    expect(chainsOf(none)).toEqual([]);
  });

  it('with a load balancer and source ranges: what is not in them is dropped before DNAT; node ports do not ask', () => {
    const text = lines([
      service({ loadBalancerIPs: ['203.0.113.9'], loadBalancerSourceRanges: ['172.30.0.0/16', '2001:db8::/32'], ports: [port({ nodePort: 3001 })] }),
    ]);
    expect(inside(text, 'element', 'firewall-ips')).toEqual([`203.0.113.9 . tcp . 80 : goto ${FIREWALL}`]);
    expect(inside(text, 'rule', FIREWALL)).toEqual(['ip saddr != { 172.30.0.0/16, 203.0.113.9 } drop']);
    expect(inside(text, 'element', 'service-ips')[1]).toBe(`203.0.113.9 . tcp . 80 : goto ${EXTERNAL}`);
  });

  it('of both families has a table of its own in each', () => {
    const dual = service({
      families: ['ipv4', 'ipv6'],
      clusterIPs: ['172.30.0.41', 'fd00:96::41'],
      endpoints: [endpoint('10.180.0.1', 'worker1'), endpoint('fd00:10:0:1::5', 'worker1')],
    });
    const text = lines([dual], 'ipv6');
    expect(text[0]).toBe('add table ip6 kube-proxy { comment "rules for kube-proxy" ; }');
    expect(text.join('\n')).not.toMatch(/10\.180|172\.30|ipv4_addr|\bip daddr/);
    expect(inside(text, 'element', 'service-ips')).toEqual([`fd00:96::41 . tcp . 80 : goto ${SERVICE}`]);
    expect(inside(text, 'rule', SERVICE)[0]).toBe('ip6 daddr fd00:96::41 ip6 saddr != fd00:10::/48 jump mark-for-masquerade');
    expect(chainsOf(text)[0]).toMatch(/^endpoint-[A-Z2-7]{8}-ns1\/svc1\/tcp\/p80__fd00\.10\.0\.1\.\.5\/80$/);
    expect(text.join('\n')).toContain('meta l4proto tcp dnat to [fd00:10:0:1::5]:80');
  });
});
