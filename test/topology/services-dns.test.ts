import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import {
  dashed,
  dnsRecords,
  dnsZone,
  resolveDns,
  reverseName,
  undashed,
  type DnsRecord,
  type DnsType,
  type DnsZone,
} from '../../topology/services/dns-records.ts';
import { formatResolvConf, nodeResolvConf, resolvConf, type ResolvConf } from '../../topology/services/resolv-conf.ts';
import type { ClusterSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';

const object = (kind: string, name: string, spec: object, namespace = 'shop', apiVersion = 'v1'): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  spec,
});
const slice = (service: string, endpoints: readonly object[], ports: readonly object[]): KubernetesObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${service}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  endpoints,
  ports,
});

/** A shop whose answers were compared with those of CoreDNS 1.12.1 on Kubernetes 1.34.4, record by record. */
const SHOP: readonly KubernetesObject[] = [
  object('Service', 'web', {
    clusterIP: '10.96.0.50',
    selector: { app: 'none' },
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'metrics', port: 9090, protocol: 'UDP' },
    ],
  }),
  object('Service', 'plain', { clusterIP: '10.96.0.51', selector: { app: 'none' }, ports: [{ port: 80 }] }),
  object('Service', 'db', {
    clusterIP: 'None',
    ports: [
      { name: 'pg', port: 5432 },
      { name: 'admin', port: 8080 },
    ],
  }),
  slice(
    'db',
    [{ addresses: ['10.244.1.5'], hostname: 'db-0' }, { addresses: ['10.244.1.6'] }, { addresses: ['10.244.1.7'], conditions: { ready: false } }],
    [
      { name: 'pg', port: 5432 },
      { name: 'admin', port: 8081 },
    ],
  ),
  object('Service', 'empty', { clusterIP: 'None', selector: { app: 'none' }, ports: [{ name: 'pg', port: 5432 }] }),
  object('Service', 'ext', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' }),
  object('Service', 'out', { type: 'ExternalName', externalName: 'DB.example.com'.toLowerCase() }),
  object('Service', 'extip', { type: 'ExternalName', externalName: '192.0.2.7' }),
  object('Service', 'bare', { clusterIP: 'None' }),
  slice('bare', [{ addresses: ['10.244.1.8'] }], []),
];
const lab = (objects: readonly KubernetesObject[], cluster: Partial<ClusterSpec> = {}, rest: Partial<LabSpec> = {}): LabPlan =>
  planLab({ name: 'demo', clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, objects, ...cluster }], ...rest });
const clusterOf = (plan: LabPlan): ClusterPlan => {
  const [cluster] = plan.clusters;
  if (cluster === undefined) throw new Error('no cluster');
  return cluster;
};
const zone: DnsZone = dnsZone(clusterOf(lab(SHOP)));
const data = (r: DnsRecord): string => {
  if (r.type === 'SRV') return `${r.priority} ${r.weight} ${r.port} ${r.target}`;
  if ('address' in r) return r.address;
  return 'target' in r ? r.target : r.text;
};
const text = (r: DnsRecord): string => `${r.name} ${r.ttl} ${r.type} ${data(r)}`;
const ask = (name: string, type: DnsType): string => {
  const answer = resolveDns(zone, { name, type });
  return answer === null ? 'elsewhere' : [answer.rcode, ...answer.answers.map(text)].join('; ');
};

describe('the records of a cluster', () => {
  it('are those of the specification', () => {
    expect(dnsRecords(clusterOf(lab(SHOP, { dns: false }))).map(text)).toEqual([
      'dns-version.cluster.local 30 TXT 1.1.0',
      'kubernetes.default.svc.cluster.local 30 A 10.96.0.1',
      '_https._tcp.kubernetes.default.svc.cluster.local 30 SRV 0 100 443 kubernetes.default.svc.cluster.local',
      '1.0.96.10.in-addr.arpa 30 PTR kubernetes.default.svc.cluster.local',
      'web.shop.svc.cluster.local 30 A 10.96.0.50',
      '_http._tcp.web.shop.svc.cluster.local 30 SRV 0 100 80 web.shop.svc.cluster.local',
      '_metrics._udp.web.shop.svc.cluster.local 30 SRV 0 100 9090 web.shop.svc.cluster.local',
      '50.0.96.10.in-addr.arpa 30 PTR web.shop.svc.cluster.local',
      'plain.shop.svc.cluster.local 30 A 10.96.0.51',
      '51.0.96.10.in-addr.arpa 30 PTR plain.shop.svc.cluster.local',
      'db.shop.svc.cluster.local 30 A 10.244.1.5',
      'db.shop.svc.cluster.local 30 A 10.244.1.6',
      'db-0.db.shop.svc.cluster.local 30 A 10.244.1.5',
      '10-244-1-6.db.shop.svc.cluster.local 30 A 10.244.1.6',
      '_pg._tcp.db.shop.svc.cluster.local 30 SRV 0 50 5432 db-0.db.shop.svc.cluster.local',
      '_pg._tcp.db.shop.svc.cluster.local 30 SRV 0 50 5432 10-244-1-6.db.shop.svc.cluster.local',
      '_admin._tcp.db.shop.svc.cluster.local 30 SRV 0 50 8081 db-0.db.shop.svc.cluster.local',
      '_admin._tcp.db.shop.svc.cluster.local 30 SRV 0 50 8081 10-244-1-6.db.shop.svc.cluster.local',
      '5.1.244.10.in-addr.arpa 30 PTR db-0.db.shop.svc.cluster.local',
      '6.1.244.10.in-addr.arpa 30 PTR 10-244-1-6.db.shop.svc.cluster.local',
      'ext.shop.svc.cluster.local 30 CNAME web.shop.svc.cluster.local',
      'out.shop.svc.cluster.local 30 CNAME db.example.com',
      'bare.shop.svc.cluster.local 30 A 10.244.1.8',
      '10-244-1-8.bare.shop.svc.cluster.local 30 A 10.244.1.8',
      '8.1.244.10.in-addr.arpa 30 PTR 10-244-1-8.bare.shop.svc.cluster.local',
    ]);
  });

  it('have both families, and the names of a set', () => {
    const set = object(
      'StatefulSet',
      'db',
      { replicas: 2, serviceName: 'db', template: { metadata: { labels: { app: 'db' } }, spec: { nodeName: 'worker1' } } },
      'shop',
      'apps/v1',
    );
    const plan = lab(
      [set, object('Service', 'db', { clusterIP: 'None', selector: { app: 'db' }, ipFamilyPolicy: 'RequireDualStack', ports: [{ name: 'pg', port: 5432 }] })],
      {
        podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
        dnsDomain: 'lab.example',
      },
    );
    const pods = clusterOf(plan).pods.filter((p) => p.namespace === 'shop');
    const records = dnsRecords(clusterOf(plan)).map(text);
    for (const [i, pod] of pods.entries()) {
      const [v4 = '', v6 = ''] = pod.interface?.addresses.map((a) => a.address) ?? [];
      expect(records).toContain(`db-${i}.db.shop.svc.lab.example 30 A ${v4}`);
      expect(records).toContain(`db-${i}.db.shop.svc.lab.example 30 AAAA ${v6}`);
      expect(records).toContain(`${reverseName(v6)} 30 PTR db-${i}.db.shop.svc.lab.example`);
    }
    // One record for a host name and port, however many addresses it has.
    expect(records.filter((r) => r.startsWith('_pg._tcp.'))).toEqual([
      '_pg._tcp.db.shop.svc.lab.example 30 SRV 0 50 5432 db-0.db.shop.svc.lab.example',
      '_pg._tcp.db.shop.svc.lab.example 30 SRV 0 50 5432 db-1.db.shop.svc.lab.example',
    ]);
  });

  it('know addresses as names', () => {
    expect(reverseName('10.244.2.5')).toBe('5.2.244.10.in-addr.arpa');
    expect(reverseName('fd00:10:96::a')).toBe('a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa');
    for (const address of ['10.244.2.5', 'fd00:10:244:1::5', '::1']) {
      const { family, value } = undashed(dashed(address)) ?? { family: 'none', value: -1n };
      expect(family).toBe(address.includes(':') ? 'ipv6' : 'ipv4');
      expect(value).toBeGreaterThan(0n);
    }
    expect(undashed('10-244-2')).toBeNull();
    expect(undashed('web')).toBeNull();
  });
});

describe('what the DNS must answer', () => {
  it.each<readonly [string, DnsType, string]>([
    ['web.shop.svc.cluster.local', 'A', 'NOERROR; web.shop.svc.cluster.local 30 A 10.96.0.50'],
    ['WEB.Shop.svc.cluster.local.', 'A', 'NOERROR; web.shop.svc.cluster.local 30 A 10.96.0.50'],
    ['web.shop.svc.cluster.local', 'AAAA', 'NOERROR'],
    ['empty.shop.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['nosuch.shop.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['web.nons.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['shop.svc.cluster.local', 'A', 'NOERROR'],
    ['nons.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['svc.cluster.local', 'A', 'NOERROR'],
    ['cluster.local', 'A', 'NOERROR'],
    ['foo.cluster.local', 'A', 'NXDOMAIN'],
    ['10-244-1-7.db.shop.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['_http._udp.web.shop.svc.cluster.local', 'SRV', 'NXDOMAIN'],
    ['10-244-2-5.shop.pod.cluster.local', 'A', 'NOERROR; 10-244-2-5.shop.pod.cluster.local 30 A 10.244.2.5'],
    ['10-244-2-5.shop.pod.cluster.local', 'AAAA', 'NOERROR'],
    ['fd00-10-244-1--5.shop.pod.cluster.local', 'AAAA', 'NOERROR; fd00-10-244-1--5.shop.pod.cluster.local 30 AAAA fd00:10:244:1::5'],
    ['10-244-2-5.nons.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['10-244-2.shop.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['shop.pod.cluster.local', 'A', 'NOERROR'],
    ['nons.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['ext.shop.svc.cluster.local', 'A', 'NOERROR; ext.shop.svc.cluster.local 30 CNAME web.shop.svc.cluster.local; web.shop.svc.cluster.local 30 A 10.96.0.50'],
    ['ext.shop.svc.cluster.local', 'CNAME', 'NOERROR; ext.shop.svc.cluster.local 30 CNAME web.shop.svc.cluster.local'],
    ['out.shop.svc.cluster.local', 'A', 'NOERROR; out.shop.svc.cluster.local 30 CNAME db.example.com'],
    ['extip.shop.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['50.0.96.10.in-addr.arpa', 'PTR', 'NOERROR; 50.0.96.10.in-addr.arpa 30 PTR web.shop.svc.cluster.local'],
    ['50.0.96.10.in-addr.arpa', 'A', 'elsewhere'],
    ['99.0.96.10.in-addr.arpa', 'PTR', 'elsewhere'],
    ['example.org', 'A', 'elsewhere'],
    ['notcluster.local', 'A', 'elsewhere'],
    ['dns-version.cluster.local', 'TXT', 'NOERROR; dns-version.cluster.local 30 TXT 1.1.0'],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toBe(expected);
  });

  it('ends where names point at one another', () => {
    const ring = (name: string, target: string): KubernetesObject =>
      object('Service', name, { type: 'ExternalName', externalName: `${target}.shop.svc.cluster.local` });
    const answer = resolveDns(dnsZone(clusterOf(lab([ring('a', 'b'), ring('b', 'a')]))), { name: 'a.shop.svc.cluster.local', type: 'A' });
    expect(answer?.rcode).toBe('NOERROR');
    expect(answer?.answers.every((r) => r.type === 'CNAME')).toBe(true);
  });
});

describe("a pod's resolv.conf", () => {
  const node: ResolvConf = { nameservers: ['203.0.113.53'], search: ['corp.example'], options: [] };
  const conf = (spec: object, cluster: Partial<ClusterSpec> = { dns: true }): ResolvConf => {
    const plan = clusterOf(lab([object('Pod', 'p', { nodeName: 'worker1', ...spec })], cluster));
    const pod = plan.pods.find((p) => p.name === 'p');
    if (pod === undefined) throw new Error('no pod');
    return resolvConf(pod, plan, node);
  };
  const first: ResolvConf = {
    nameservers: ['10.96.0.10'],
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'],
    options: ['ndots:5'],
  };

  it.each<readonly [string, object, ResolvConf]>([
    ['ClusterFirst by default', {}, first],
    ["ClusterFirst in its node's network is Default", { hostNetwork: true }, node],
    ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, first],
    ['ClusterFirstWithHostNet in a network of its own', { dnsPolicy: 'ClusterFirstWithHostNet' }, first],
    ['Default', { dnsPolicy: 'Default' }, node],
    [
      'None',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'], searches: ['a.example'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } },
      { nameservers: ['192.0.2.1'], search: ['a.example'], options: ['ndots:2', 'edns0'] },
    ],
    [
      'ClusterFirst with more',
      { dnsConfig: { nameservers: ['192.0.2.1', '10.96.0.10'], searches: ['a.example', 'cluster.local'], options: [{ name: 'ndots', value: '1' }] } },
      { nameservers: ['10.96.0.10', '192.0.2.1'], search: [...first.search, 'a.example'], options: ['ndots:1'] },
    ],
  ])('%s', (_title, spec, expected) => {
    expect(conf(spec)).toEqual(expected);
  });

  it("is its node's in a cluster without DNS, and follows the DNS domain", () => {
    expect(conf({}, { dns: false })).toEqual(node);
    expect(conf({}, { dns: true, dnsDomain: 'lab.example' }).search.slice(0, 3)).toEqual(['shop.svc.lab.example', 'svc.lab.example', 'lab.example']);
  });

  it('is written as container runtimes do', () => {
    expect(formatResolvConf(first)).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(formatResolvConf({ nameservers: ['192.0.2.1'], search: [], options: [] })).toBe('nameserver 192.0.2.1\n');
  });

  it('of a node names the resolvers of the lab', () => {
    const plan = lab([], {}, { outside: { hosts: [{ name: 'client' }, { name: 'dns', role: 'resolver', address: '203.0.113.53' }] } });
    expect(nodeResolvConf(plan)).toEqual({ nameservers: ['203.0.113.53'], search: [], options: [] });
    expect(nodeResolvConf(lab([])).nameservers).toEqual([]);
  });
});
