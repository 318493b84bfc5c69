import { describe, expect, it } from 'vitest';
import { userspacePortals, userspaceServiceRules } from '../../topology/services/proxy/userspace-rules.ts';
import type { Family } from '../../topology/spec.ts';
import { clusterOf, endpoint, port, service, workerOf } from './proxy-fixture.ts';

const services = [
  service({ name: 'kubernetes', namespace: 'default', clusterIPs: ['172.29.0.1'] }),
  service({
    type: 'NodePort',
    externalIPs: ['203.0.113.9'],
    ports: [port({ nodePort: 30080 }), port({ name: 'dns', protocol: 'UDP', port: 53 }), port({ name: 's', protocol: 'SCTP', port: 7 })],
    endpoints: [endpoint('10.180.0.1', 'worker1')],
    affinitySeconds: 60,
  }),
  service({ name: 'headless', headless: true, clusterIPs: [] }),
];
const cluster = clusterOf(services);
const worker = workerOf(cluster);
const nodeIP = worker.interfaces[0]?.addresses.find(({ family }) => family === 'ipv4')?.address ?? '';
const rules = (family: Family = 'ipv4'): readonly string[] => userspaceServiceRules(cluster, worker, family).split('\n');

describe('kube-proxy in mode userspace', () => {
  it('leads cluster, external and node ports to ports of the node: redirected on the way in, sent to the node by itself', () => {
    const own = rules().filter((line) => line.includes('"ns1/svc1:p80"'));
    const match = '-p tcp -m comment --comment "ns1/svc1:p80" -m tcp --dport';
    expect(own).toEqual(
      ['172.30.0.41/32', '203.0.113.9/32']
        .flatMap((to) => [
          `-A KUBE-PORTALS-CONTAINER -d ${to} ${match} 80 -j REDIRECT --to-ports 53407`,
          `-A KUBE-PORTALS-HOST -d ${to} ${match} 80 -j DNAT --to-destination ${nodeIP}:53407`,
        ])
        .concat([
          `-A KUBE-NODEPORT-CONTAINER ${match} 30080 -j REDIRECT --to-ports 53407`,
          `-A KUBE-NODEPORT-HOST ${match} 30080 -j DNAT --to-destination ${nodeIP}:53407`,
        ]),
    );
  });

  it('has one portal per port and protocol, those of the cluster itself last, none for SCTP and headless Services', () => {
    expect(userspacePortals(cluster, worker, 'ipv4').map(({ protocol, listen, affinitySeconds }) => `${protocol} ${listen} ${affinitySeconds}`)).toEqual([
      'tcp 53407 60',
      'udp 53408 60',
      'tcp 53409 null',
    ]);
    expect(userspacePortals(cluster, worker, 'ipv4')[0]?.endpoints).toHaveLength(1);
    expect(rules().join('\n')).not.toMatch(/sctp|headless/);
    expect(userspacePortals(cluster, worker, 'ipv6')).toEqual([]);
  });

  it('asks about cluster addresses before node ports, and declares its own chains alone', () => {
    const jumps = rules().filter((line) => /^-A (PREROUTING|OUTPUT)/.test(line));
    expect(jumps.map((line) => [line.split(' ')[1], line.split(' ').at(-1)])).toEqual([
      ['PREROUTING', 'KUBE-PORTALS-CONTAINER'],
      ['PREROUTING', 'KUBE-NODEPORT-CONTAINER'],
      ['OUTPUT', 'KUBE-PORTALS-HOST'],
      ['OUTPUT', 'KUBE-NODEPORT-HOST'],
    ]);
    expect(rules().filter((line) => line.startsWith(':') && !line.startsWith(':KUBE-'))).toEqual([]);
  });
});
