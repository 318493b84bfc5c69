import { describe, expect, it } from 'vitest';
import { ipvsServiceRules, type IpvsServiceRules } from '../../topology/services/proxy/ipvs-rules.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { ClusterSpec, Family } from '../../topology/spec.ts';
import { clusterOf, endpoint, port, service, workerOf } from './proxy-fixture.ts';

function of(services: readonly ServicePlan[], family: Family = 'ipv4', more: Partial<ClusterSpec> = {}): IpvsServiceRules {
  const cluster = clusterOf(services, { kubernetesVersion: '1.34', kubeProxy: { mode: 'ipvs', scheduler: 'rr' }, ...more });
  return ipvsServiceRules(cluster, workerOf(cluster), family);
}
const members = ({ sets }: IpvsServiceRules, name: string): string[] =>
  sets.flatMap((line) => (line.startsWith(`add ${name} `) ? [line.split(' ')[2] ?? ''] : []));
const rulesIn = ({ rules }: IpvsServiceRules, chain: string): string[] =>
  rules
    .split('\n')
    .filter((line) => line.startsWith(`-A ${chain} `))
    .map((line) => line.slice(chain.length + 4));

describe('mode ipvs', () => {
  it('without Services: the sets, chains and rules that are always there', () => {
    const { addresses, servers, sets, rules } = of([]);
    expect([addresses, servers]).toEqual([[], []]);
    expect(sets).toHaveLength(17);
    expect(sets).toContain('create KUBE-LOOP-BACK hash:ip,port,ip family inet hashsize 1024 maxelem 65536');
    expect(sets).toContain('create KUBE-NODE-PORT-TCP bitmap:port range 0-65535');
    expect(rules).toMatchInlineSnapshot(`
      "*filter
      :KUBE-FORWARD - [0:0]
      :KUBE-NODE-PORT - [0:0]
      :KUBE-PROXY-FIREWALL - [0:0]
      :KUBE-SOURCE-RANGES-FIREWALL - [0:0]
      :KUBE-IPVS-FILTER - [0:0]
      :KUBE-IPVS-OUT-FILTER - [0:0]
      -I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
      -I INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT
      -I INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL
      -I FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL
      -I INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER
      -I OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER
      -A KUBE-SOURCE-RANGES-FIREWALL -j DROP
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      -A KUBE-NODE-PORT -m comment --comment "Kubernetes health check node port" -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT
      -A KUBE-IPVS-FILTER -m set --match-set KUBE-LOAD-BALANCER dst,dst -j RETURN
      -A KUBE-IPVS-FILTER -m set --match-set KUBE-CLUSTER-IP dst,dst -j RETURN
      -A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP dst,dst -j RETURN
      -A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -j RETURN
      -A KUBE-IPVS-FILTER -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j RETURN
      -A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT
      COMMIT
      *nat
      :KUBE-SERVICES - [0:0]
      :KUBE-POSTROUTING - [0:0]
      :KUBE-NODE-PORT - [0:0]
      :KUBE-LOAD-BALANCER - [0:0]
      :KUBE-MARK-MASQ - [0:0]
      -I OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
      -A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN
      -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
      -A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ
      -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
      -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
      -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
      -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
      COMMIT
      "
    `);
  });

  it('a Service: its address on kube-ipvs0, a virtual server with masquerading real servers of weight 1', () => {
    const web = of([service()]);
    expect(web.addresses).toEqual(['172.30.0.41']);
    expect(web.servers).toEqual([
      '-A -t 172.30.0.41:80 -s rr',
      '-a -t 172.30.0.41:80 -r 10.180.0.1:80 -m -w 1',
      '-a -t 172.30.0.41:80 -r 10.180.2.1:80 -m -w 1',
    ]);
    expect(members(web, 'KUBE-CLUSTER-IP')).toEqual(['172.30.0.41,tcp:80']);
    expect(members(web, 'KUBE-IPVS-IPS')).toEqual(['172.30.0.41']);
    // Hairpin concerns the pods of this node alone.
    expect(members(web, 'KUBE-LOOP-BACK')).toEqual(['10.180.0.1,tcp:80,10.180.0.1']);
    expect(rulesIn(web, 'KUBE-SERVICES')).toEqual([
      '-s 127.0.0.0/8 -j RETURN',
      '-m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ',
      '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
      '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
    ]);
    expect(rulesIn(web, 'KUBE-POSTROUTING')[0]).toBe(
      '-m comment --comment "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose" -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE',
    );
  });

  it('takes the scheduler of the lab, and persistence for affinity', () => {
    const more: Partial<ClusterSpec> = { kubernetesVersion: '1.34', kubeProxy: { mode: 'ipvs', scheduler: 'sed' } };
    expect(of([service({ affinitySeconds: 10_800 })], 'ipv4', more).servers[0]).toBe('-A -t 172.30.0.41:80 -s sed -p 10800');
  });

  it('a node port: a virtual server on every address of the node, which stays where it is', () => {
    const web = of([service({ ports: [port({ nodePort: 30_001 })], externalTrafficPolicy: 'Local' })]);
    const own = web.servers.filter((line) => line.startsWith('-A') && line.includes(':30001 '));
    expect(own.length).toBeGreaterThanOrEqual(2);
    expect(web.addresses).toEqual(['172.30.0.41']);
    expect(members(web, 'KUBE-NODE-PORT-TCP')).toEqual(['30001']);
    expect(members(web, 'KUBE-NODE-PORT-LOCAL-TCP')).toEqual(['30001']);
    expect(rulesIn(web, 'KUBE-NODE-PORT').map((rule) => rule.replace(/-m comment --comment "[^"]*" /, ''))).toEqual([
      '-m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT',
      '-p tcp -m set --match-set KUBE-NODE-PORT-LOCAL-TCP dst -j RETURN',
      '-p tcp -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ',
    ]);
    // Only the endpoint of this node, where there is one; all of them otherwise.
    expect(web.servers.filter((line) => line.startsWith('-a') && line.includes(':30001 ') && !line.includes('10.180.0.1:80'))).toEqual([]);
    const elsewhere = of([
      service({ ports: [port({ nodePort: 30_001 })], externalTrafficPolicy: 'Local', endpoints: [endpoint('10.180.2.1', 'control-plane1')] }),
    ]);
    expect(elsewhere.servers.filter((line) => line.startsWith('-a') && line.includes(':30001 ')).length).toBe(own.length);
  });

  it('a load balancer with source ranges: sets of who may, and a rule against the node where it may not', () => {
    const lb = of([service({ loadBalancerIPs: ['203.0.113.9'], loadBalancerSourceRanges: ['198.51.100.0/24'] })]);
    expect(lb.addresses).toEqual(['172.30.0.41', '203.0.113.9']);
    expect(members(lb, 'KUBE-LOAD-BALANCER-FW')).toEqual(['203.0.113.9,tcp:80']);
    expect(members(lb, 'KUBE-LOAD-BALANCER-SOURCE-CIDR')).toEqual(['203.0.113.9,tcp:80,198.51.100.0/24']);
    expect(rulesIn(lb, 'KUBE-IPVS-OUT-FILTER')).toEqual(['-s 203.0.113.9 -m ipvs --vaddr 203.0.113.9 --vproto tcp --vport 80 -j DROP']);
    const own = of([service({ loadBalancerIPs: ['203.0.113.9'], loadBalancerSourceRanges: ['172.30.0.0/16'] })]);
    expect(members(own, 'KUBE-LOAD-BALANCER-SOURCE-IP')).toEqual(['203.0.113.9,tcp:80,203.0.113.9']);
    expect(rulesIn(own, 'KUBE-IPVS-OUT-FILTER')).toEqual([]);
  });

  it('IPv6: sets named KUBE-6-…, at most 31 characters, of family inet6', () => {
    const six = of([service({ families: ['ipv6'], clusterIPs: ['fd00:96::41'], endpoints: [endpoint('fd00:10:0:1::5', 'worker1')] })], 'ipv6');
    expect(six.servers).toEqual(['-A -t [fd00:96::41]:80 -s rr', '-a -t [fd00:96::41]:80 -r [fd00:10:0:1::5]:80 -m -w 1']);
    expect(members(six, 'KUBE-6-CLUSTER-IP')).toEqual(['fd00:96::41,tcp:80']);
    const names = six.sets.flatMap((line) => (line.startsWith('create ') ? [line.split(' ')[1] ?? ''] : []));
    expect(names.filter((name) => name.length > 31 || !name.startsWith('KUBE-6-'))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(six.rules).not.toMatch(/match-set KUBE-(?!6-)/);
  });
});
