import { describe, expect, it } from 'vitest';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { clusterOf, endpoint, port, service, workerOf } from './proxy-fixture.ts';

const SVC = 'KUBE-SVC-XPGD46QRK7WJZT7O';
const SVL = 'KUBE-SVL-XPGD46QRK7WJZT7O';
const EXT = 'KUBE-EXT-XPGD46QRK7WJZT7O';
const FW = 'KUBE-FW-XPGD46QRK7WJZT7O';
const SEP1 = 'KUBE-SEP-SXIVWICOYRO3J4NJ';
const SEP2 = 'KUBE-SEP-ZX7GRIZKSNUQ3LAJ';
const TCP80 = '-m tcp -p tcp -d 172.30.0.41 --dport 80';

const textOf = (services: readonly ServicePlan[], family: Family = 'ipv4'): string => {
  const cluster = clusterOf(services);
  return iptablesServiceRules(cluster, workerOf(cluster), family);
};
/** Lines that a text has and the one without Services has not, per table. */
function added(services: readonly ServicePlan[], family: Family = 'ipv4'): { readonly filter: string[]; readonly nat: string[] } {
  const split = (text: string): { filter: string[]; nat: string[] } => {
    const [filter = '', nat = ''] = text.split('*nat\n');
    return { filter: filter.split('\n'), nat: nat.split('\n') };
  };
  const bare = split(textOf([], family));
  const full = split(textOf(services, family));
  return { filter: full.filter.filter((line) => !bare.filter.includes(line)), nat: full.nat.filter((line) => !bare.nat.includes(line)) };
}
const rulesIn = (lines: readonly string[], chain: string): string[] =>
  lines.filter((line) => line.startsWith(`-A ${chain} `)).map((line) => line.slice(chain.length + 4));

describe('without Services', () => {
  it('has the chains that are always there, and jumps in the order in which packets meet them', () => {
    expect(textOf([])).toMatchInlineSnapshot(`
      "*filter
      :KUBE-SERVICES - [0:0]
      :KUBE-EXTERNAL-SERVICES - [0:0]
      :KUBE-FORWARD - [0:0]
      :KUBE-NODEPORTS - [0:0]
      :KUBE-PROXY-FIREWALL - [0:0]
      :KUBE-FIREWALL - [0:0]
      -I INPUT -j KUBE-FIREWALL
      -I OUTPUT -j KUBE-FIREWALL
      -A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
      -I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
      -I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
      -I INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
      -I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
      -I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -I OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      COMMIT
      *nat
      :KUBE-SERVICES - [0:0]
      :KUBE-NODEPORTS - [0:0]
      :KUBE-POSTROUTING - [0:0]
      :KUBE-MARK-MASQ - [0:0]
      -I OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
      -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
      -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
      -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
      -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
      -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
      COMMIT
      "
    `);
  });
  it('IPv6: no node ports on ::1, and nothing about 127.0.0.0/8', () => {
    const text = textOf([], 'ipv6');
    expect(text).not.toContain('KUBE-FIREWALL');
    expect(text).toContain('-m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS');
  });
});

describe('a Service', () => {
  it('with a cluster IP and a node port: the rules of kube-proxy, one by one', () => {
    const { filter, nat } = added([service({ ports: [port({ nodePort: 3001 })] })]);
    expect(filter).toEqual([]);
    expect(nat.filter((line) => line.startsWith(':')).sort()).toEqual([EXT, SEP1, SEP2, SVC].sort().map((chain) => `:${chain} - [0:0]`));
    expect(rulesIn(nat, 'KUBE-SERVICES')).toEqual([`-m comment --comment "ns1/svc1:p80 cluster IP" ${TCP80} -j ${SVC}`]);
    expect(rulesIn(nat, 'KUBE-NODEPORTS')).toEqual([`-m comment --comment ns1/svc1:p80 -m tcp -p tcp --dport 3001 -j ${EXT}`]);
    expect(rulesIn(nat, EXT)).toEqual(['-m comment --comment "masquerade traffic for ns1/svc1:p80 external destinations" -j KUBE-MARK-MASQ', `-j ${SVC}`]);
    expect(rulesIn(nat, SVC)).toEqual([
      `-m comment --comment "ns1/svc1:p80 cluster IP" ${TCP80} ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ`,
      `-m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m statistic --mode random --probability 0.5000000000 -j ${SEP1}`,
      `-m comment --comment "ns1/svc1:p80 -> 10.180.2.1:80" -j ${SEP2}`,
    ]);
    expect(rulesIn(nat, SEP1)).toEqual([
      '-m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j KUBE-MARK-MASQ',
      '-m comment --comment ns1/svc1:p80 -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80',
    ]);
  });

  it('spreads evenly: each rule takes its share of the rest, with ten decimals', () => {
    const endpoints = ['10.180.0.1', '10.180.0.2', '10.180.0.3', '10.180.0.4'].map((address) => endpoint(address, null));
    const { nat } = added([service({ endpoints })]);
    expect(rulesIn(nat, SVC).map((rule) => /probability (\S+)/.exec(rule)?.[1])).toEqual([
      undefined,
      '0.2500000000',
      '0.3333333333',
      '0.5000000000',
      undefined,
    ]);
  });

  it('remembers clients: the list is asked before the dice, and kept by the endpoint', () => {
    const { nat } = added([service({ affinitySeconds: 10_800 })]);
    const asked = (sep: string, address: string): string =>
      `-m comment --comment "ns1/svc1:p80 -> ${address}:80" -m recent --name ${sep} --rcheck --seconds 10800 --reap -j ${sep}`;
    expect(rulesIn(nat, SVC).slice(1, 3)).toEqual([asked(SEP1, '10.180.0.1'), asked(SEP2, '10.180.2.1')]);
    expect(rulesIn(nat, SEP2)[1]).toBe(`-m comment --comment ns1/svc1:p80 -m recent --name ${SEP2} --set -m tcp -p tcp -j DNAT --to-destination 10.180.2.1:80`);
  });

  it('externalTrafficPolicy Local: the endpoints of this node for the outside, all of them for the cluster itself', () => {
    const { filter, nat } = added([service({ externalTrafficPolicy: 'Local', ports: [port({ nodePort: 3001 })] })]);
    expect(filter).toEqual([]);
    expect(rulesIn(nat, EXT)).toEqual([
      `-m comment --comment "pod traffic for ns1/svc1:p80 external destinations" -s 10.0.0.0/8 -j ${SVC}`,
      '-m comment --comment "masquerade LOCAL traffic for ns1/svc1:p80 external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
      `-m comment --comment "route LOCAL traffic for ns1/svc1:p80 external destinations" -m addrtype --src-type LOCAL -j ${SVC}`,
      `-j ${SVL}`,
    ]);
    expect(rulesIn(nat, SVL)).toEqual([`-m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j ${SEP1}`]);
    expect(rulesIn(nat, SVC)).toHaveLength(3);
  });

  it('externalTrafficPolicy Local without an endpoint here: the outside is dropped, the cluster is served', () => {
    const { filter, nat } = added([
      service({ externalTrafficPolicy: 'Local', ports: [port({ nodePort: 3001 })], endpoints: [endpoint('10.180.2.1', 'control-plane1')] }),
    ]);
    expect(filter).toEqual([
      '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/svc1:p80 has no local endpoints" -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j DROP',
    ]);
    expect(rulesIn(nat, EXT)).toHaveLength(3);
    expect(nat.join('\n')).not.toContain('KUBE-SVL');
  });

  it('internalTrafficPolicy Local: only endpoints of this node, and dropped where there are none', () => {
    const here = added([service({ internalTrafficPolicy: 'Local' })]);
    expect(rulesIn(here.nat, 'KUBE-SERVICES')).toEqual([`-m comment --comment "ns1/svc1:p80 cluster IP" ${TCP80} -j ${SVL}`]);
    expect(rulesIn(here.nat, SVL)[0]).toBe(`-m comment --comment "ns1/svc1:p80 cluster IP" ${TCP80} ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ`);
    expect(here.nat.join('\n')).not.toContain(SEP2);
    const elsewhere = added([service({ internalTrafficPolicy: 'Local', endpoints: [endpoint('10.180.2.1', 'control-plane1')] })]);
    expect(elsewhere).toEqual({
      filter: [`-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 has no local endpoints" ${TCP80} -j DROP`],
      nat: [],
    });
  });

  it('without ready endpoints is refused everywhere, and has no chains', () => {
    const endpoints = [endpoint('10.180.0.1', 'worker1', { ready: false })];
    const all = { externalIPs: ['192.0.2.1'], loadBalancerIPs: ['203.0.113.9'], ports: [port({ nodePort: 3001 })], endpoints };
    const refused = '-m comment --comment "ns1/svc1:p80 has no endpoints"';
    expect(added([service(all)])).toEqual({
      filter: [
        `-A KUBE-SERVICES ${refused} ${TCP80} -j REJECT`,
        `-A KUBE-EXTERNAL-SERVICES ${refused} -m tcp -p tcp -d 192.0.2.1 --dport 80 -j REJECT`,
        `-A KUBE-EXTERNAL-SERVICES ${refused} -m tcp -p tcp -d 203.0.113.9 --dport 80 -j REJECT`,
        `-A KUBE-EXTERNAL-SERVICES ${refused} -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j REJECT`,
      ],
      nat: [],
    });
    // The endpoint controller writes such endpoints as ready: the proxy looks at that alone.
    expect(rulesIn(added([service({ ...all, publishNotReadyAddresses: true })]).nat, SVC)).toEqual([]);
  });

  it('with a load balancer, source ranges and a health check: a firewall chain, and what it does not take is dropped', () => {
    const { filter, nat } = added([
      service({
        loadBalancerIPs: ['203.0.113.9'],
        loadBalancerSourceRanges: ['198.51.100.0/24', '2001:db8::/32'],
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30_100,
      }),
    ]);
    const address = '-m tcp -p tcp -d 203.0.113.9 --dport 80';
    expect(filter).toEqual([
      `-A KUBE-PROXY-FIREWALL -m comment --comment "ns1/svc1:p80 traffic not accepted by ${FW}" ${address} -j DROP`,
      '-A KUBE-NODEPORTS -m comment --comment "ns1/svc1:p80 health check node port" -m tcp -p tcp --dport 30100 -j ACCEPT',
    ]);
    expect(rulesIn(nat, 'KUBE-SERVICES')[1]).toBe(`-m comment --comment "ns1/svc1:p80 loadbalancer IP" ${address} -j ${FW}`);
    expect(rulesIn(nat, FW)).toEqual([
      `-m comment --comment "ns1/svc1:p80 loadbalancer IP" -s 198.51.100.0/24 -j ${EXT}`,
      '-m comment --comment "other traffic to ns1/svc1:p80 will be dropped by KUBE-PROXY-FIREWALL"',
    ]);
    const own = added([service({ loadBalancerIPs: ['203.0.113.9'], loadBalancerSourceRanges: ['172.30.0.0/16'] })]);
    expect(rulesIn(own.nat, FW)).toContain(`-m comment --comment "ns1/svc1:p80 loadbalancer IP" -s 203.0.113.9 -j ${EXT}`);
  });

  it('of both families has rules of its own in each', () => {
    const dual = service({
      families: ['ipv4', 'ipv6'],
      clusterIPs: ['172.30.0.41', 'fd00:96::41'],
      endpoints: [endpoint('10.180.0.1', 'worker1'), endpoint('fd00:10:0:1::5', 'worker1')],
      ports: [port({ nodePort: 3001 })],
    });
    const { nat } = added([dual], 'ipv6');
    expect(nat.join('\n')).not.toMatch(/10\.180|172\.30/);
    expect(rulesIn(nat, 'KUBE-SERVICES')).toEqual([`-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d fd00:96::41 --dport 80 -j ${SVC}`]);
    expect(rulesIn(nat, SVC)[0]).toContain('! -s fd00:10::/48 ');
    expect(nat.join('\n')).toContain('-s fd00:10:0:1::5 -j KUBE-MARK-MASQ');
    expect(nat.join('\n')).toContain('--to-destination [fd00:10:0:1::5]:80');
  });

  it('that is headless, or a name for something outside, has no rules', () => {
    expect(textOf([service({ headless: true, clusterIPs: [] }), service({ type: 'ExternalName', clusterIPs: [], externalName: 'example.org' })])).toBe(
      textOf([]),
    );
  });

  it('of several ports and protocols has chains per port, with the endpoints that resolve it', () => {
    const ports = [port({ name: 'dns', protocol: 'UDP', port: 53 }), port({ name: 'metrics', port: 9153 })];
    const endpoints = [
      endpoint('10.180.0.1', 'worker1', {
        ports: [
          { name: 'dns', protocol: 'UDP', port: 5353 },
          { name: 'metrics', protocol: 'TCP', port: 9153 },
        ],
      }),
      endpoint('10.180.2.1', null, { ports: [{ name: 'dns', protocol: 'UDP', port: 5353 }] }),
    ];
    const { nat } = added([service({ ports, endpoints })]);
    const dnat = nat.filter((line) => line.includes('DNAT')).map((line) => line.replace(/^.*(-m \S+ -p)/, '$1'));
    expect(dnat).toEqual([
      '-m udp -p udp -j DNAT --to-destination 10.180.0.1:5353',
      '-m udp -p udp -j DNAT --to-destination 10.180.2.1:5353',
      '-m tcp -p tcp -j DNAT --to-destination 10.180.0.1:9153',
    ]);
  });

  it('leaves comments of endpoints out above 1000 endpoints, as kube-proxy does for large clusters', () => {
    const many = (n: number): string[] => {
      const endpoints = Array.from({ length: n }, (_, i) => endpoint(`10.180.${i >> 8}.${i & 255}`, null));
      return added([service({ endpoints })]).nat;
    };
    expect(many(1000).filter((line) => line.includes('->'))).toHaveLength(1000);
    const large = many(1001);
    expect(large.filter((line) => line.includes('->'))).toEqual([]);
    expect(large.filter((line) => line.includes('ns1/svc1'))).toHaveLength(2);
  });
});
