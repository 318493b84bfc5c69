import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dashed, reverseName, type DnsType } from '../../topology/services/dns-records.ts';
import type { KubernetesObject, LabSpec, ProxyMode } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';
import { type DnsQuestionOf, serverOf, startDnsLab } from './dns-lab.ts';

const reason = lacking('root', 'plugins', 'dns-server');
const DNS = '10.96.0.10';

const service = (name: string, spec: Readonly<Record<string, unknown>>, namespace = 'default'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec,
});
const pod = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels: { app: name } },
  spec: { containers: [{ name: 'c' }], nodeName: 'worker2', ...spec },
});
const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'query', port: 81, targetPort: 8081, protocol: 'UDP' },
];
const WEB = service('web', { clusterIP: '10.96.0.50', selector: { app: 'web' }, ports });
const OBJECTS: readonly KubernetesObject[] = [
  WEB,
  service('db', { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'pg', port: 5432 }] }, 'shop'),
  service('out', { type: 'ExternalName', externalName: 'example.com' }),
  service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'shop' },
    spec: {
      serviceName: 'db',
      replicas: 2,
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c' }] } },
    },
  },
  pod('own', { dnsPolicy: 'None', dnsConfig: { nameservers: [DNS], searches: ['shop.svc.cluster.local'], options: [{ name: 'ndots', value: '1' }] } }),
  pod('host', { hostNetwork: true }),
  pod('host-first', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
];

const spec = (objects: readonly KubernetesObject[] = OBJECTS, mode: ProxyMode = 'iptables'): LabSpec => ({
  name: 'names',
  clusters: [
    {
      name: 'c1',
      workers: 2,
      cni: { type: 'flannel' },
      kubeProxy: { mode },
      objects,
      workloads: [
        { name: 'web', replicas: 1, labels: { app: 'web' } },
        { name: 'client', perNode: 1, labels: { app: 'client' } },
      ],
    },
  ],
});

describe.skipIf(reason !== null).each(['coredns', 'dnsmasq'] as const)('a cluster’s DNS by %s', (kind) => {
  const server = serverOf(kind);

  describe.skipIf(server === null)(`${server?.program ?? `(${kind} is not here)`}`, () => {
    const the = server ?? { kind, program: kind };

    it.each([false, true])('answers from every node, by UDP and TCP, with every type of record (rootless: %s)', async (rootless) => {
      await using names = await startDnsLab(spec(), the, rootless);
      const [a, b] = names.pods('db').map((one) => one.interface?.addresses[0]?.address ?? '');
      if (a === undefined || b === undefined) throw new Error('no StatefulSet');
      const expected: readonly (readonly [name: string, type: DnsType, answer: string])[] = [
        ['kubernetes.default.svc.cluster.local', 'A', 'NOERROR 10.96.0.1'],
        ['kube-dns.kube-system.svc.cluster.local.', 'A', `NOERROR ${DNS}`],
        ['WEB.default.svc.Cluster.local', 'A', 'NOERROR 10.96.0.50'],
        ['web.default.svc.cluster.local', 'AAAA', 'NOERROR'],
        ['_http._tcp.web.default.svc.cluster.local', 'SRV', 'NOERROR 0/100/80/web.default.svc.cluster.local'],
        ['_query._udp.web.default.svc.cluster.local', 'SRV', 'NOERROR 0/100/81/web.default.svc.cluster.local'],
        [reverseName('10.96.0.50'), 'PTR', 'NOERROR web.default.svc.cluster.local'],
        ['db.shop.svc.cluster.local', 'A', `NOERROR ${[a, b].sort().join(' ')}`],
        ['db-1.db.shop.svc.cluster.local', 'A', `NOERROR ${b}`],
        ['_pg._tcp.db.shop.svc.cluster.local', 'SRV', 'NOERROR 0/50/5432/db-0.db.shop.svc.cluster.local 0/50/5432/db-1.db.shop.svc.cluster.local'],
        [reverseName(a), 'PTR', 'NOERROR db-0.db.shop.svc.cluster.local'],
        ['out.default.svc.cluster.local', 'CNAME', 'NOERROR example.com'],
        ['out.default.svc.cluster.local', 'A', 'NOERROR example.com'],
        ['alias.default.svc.cluster.local', 'A', 'NOERROR 10.96.0.50 web.default.svc.cluster.local'],
        [`${dashed(a)}.shop.pod.cluster.local`, 'A', `NOERROR ${a}`],
        [`${dashed(a)}.shop.pod.cluster.local`, 'AAAA', 'NOERROR'],
        [`${dashed(a)}.nowhere.pod.cluster.local`, 'A', 'NXDOMAIN'],
        ['10-244-1-256.shop.pod.cluster.local', 'A', 'NXDOMAIN'],
        ['dns-version.cluster.local', 'TXT', 'NOERROR 1.1.0'],
        ['cluster.local', 'A', 'NOERROR'],
        ['svc.cluster.local', 'A', 'NOERROR'],
        ['kube-public.svc.cluster.local', 'A', 'NOERROR'],
        ['nobody.default.svc.cluster.local', 'A', 'NXDOMAIN'],
        ['web.nowhere.svc.cluster.local', 'A', 'NXDOMAIN'],
        ['example.com', 'A', 'REFUSED'],
        // Only CoreDNS follows the rule; dnsmasq knows the pods that there are.
        ...(kind === 'coredns' ? ([['1-2-3-4.shop.pod.cluster.local', 'A', 'NOERROR 1.2.3.4']] as const) : []),
      ];
      const clients = names.pods('client');
      expect(new Set(clients.map((client) => client.node)).size).toBe(clients.length);
      expect(clients.length).toBeGreaterThanOrEqual(2);
      for (const { netns } of clients) {
        for (const protocol of ['udp', 'tcp'] as const) {
          const answers = await names.ask(netns, ...expected.map(([name, type]): DnsQuestionOf => ({ server: DNS, protocol, name, type })));
          expect(expected.map(([name, type], at) => [protocol, name, type, answers[at]])).toEqual(expected.map((row) => [protocol, ...row]));
        }
      }
      const [node] = names.plan().clusters[0]?.nodes ?? [];
      expect(await names.ask(node?.netns ?? '', { server: DNS, name: 'web.default.svc.cluster.local' })).toEqual(['NOERROR 10.96.0.50']);
    });

    it('answers over IPv6, and for it', async () => {
      const dual = service('dual', { ipFamilyPolicy: 'RequireDualStack', clusterIPs: ['10.96.0.70', 'fd00:10:96::70'], selector: { app: 'web' }, ports });
      const base = spec([dual]);
      await using names = await startDnsLab(
        {
          ...base,
          underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] },
          clusters: (base.clusters ?? []).map((cluster) => ({
            ...cluster,
            podCIDR: ['fd00:10:244::/56', '10.244.0.0/16'],
            serviceCIDR: ['fd00:10:96::/112', '10.96.0.0/16'],
          })),
        },
        the,
      );
      const [client] = names.pods('client');
      const own = client?.interface?.addresses.find(({ family }) => family === 'ipv6')?.address ?? '';
      const server = 'fd00:10:96::a';
      const hex = (address: string): string => reverseName(address).replace('.ip6.arpa', '').split('.').reverse().join('');
      for (const protocol of ['udp', 'tcp'] as const) {
        expect(
          await names.ask(
            client?.netns ?? '',
            { server, protocol, name: 'dual.default.svc.cluster.local', type: 'AAAA' },
            { server, protocol, name: 'dual.default.svc.cluster.local', type: 'A' },
            { server, protocol, name: reverseName('fd00:10:96::70'), type: 'PTR' },
            { server, protocol, name: `${dashed(own)}.default.pod.cluster.local`, type: 'AAAA' },
            { server, protocol, name: `${dashed(own)}.default.pod.cluster.local`, type: 'A' },
          ),
        ).toEqual([`NOERROR ${hex('fd00:10:96::70')}`, 'NOERROR 10.96.0.70', 'NOERROR dual.default.svc.cluster.local', `NOERROR ${hex(own)}`, 'NOERROR']);
      }
      expect(await names.lab.sh(client?.netns ?? '', 'cat /etc/resolv.conf')).toContain(`nameserver ${server}\n`);
    });

    it('passes on what is not the cluster’s to the resolver of the lab', async () => {
      await using names = await startDnsLab({ ...spec(), hosts: [{ name: 'resolver', role: 'resolver', address: '172.30.0.53' }] }, the);
      const ns = names.plan().machines.find(({ name }) => name === 'resolver')?.netns ?? '';
      const folder = `/run/cnilab/dns/${ns}`;
      const argv = kind === 'coredns' ? [the.program, '-conf', `${folder}/Corefile`] : [the.program, '-k', '--pid-file=', '-C', `${folder}/dnsmasq.conf`];
      const files = {
        Corefile: '. {\n    template IN A example.com {\n        answer "{{ .Name }} 30 IN A 192.0.2.7"\n    }\n}\n',
        'dnsmasq.conf': 'no-resolv\nno-hosts\nuser=root\ngroup=root\nlocal-ttl=30\nlog-facility=-\naddress=/example.com/192.0.2.7\n',
      };
      await names.lab.apply([{ op: 'dns', ns, kind, folder, argv, files }]);
      const [client] = names.pods('client');
      const answers = await names.ask(
        client?.netns ?? '',
        { server: DNS, name: 'example.com' },
        { server: DNS, protocol: 'tcp', name: 'example.com' },
        { server: DNS, name: 'web.default.svc.cluster.local' },
        { server: DNS, name: 'nobody.default.svc.cluster.local' },
        { server: DNS, name: 'out.default.svc.cluster.local' },
      );
      // dnsmasq does not look up the target of an alias elsewhere.
      const followed = kind === 'coredns' ? 'NOERROR 192.0.2.7 example.com' : 'NOERROR example.com';
      expect(answers).toEqual(['NOERROR 192.0.2.7', 'NOERROR 192.0.2.7', 'NOERROR 10.96.0.50', 'NXDOMAIN', followed]);
      expect(await names.lab.sh(names.plan().clusters[0]?.nodes[0]?.netns ?? '', 'cat /etc/resolv.conf; getent ahostsv4 example.com')).toMatch(
        /^nameserver 172\.30\.0\.53\n192\.0\.2\.7 /,
      );
    });

    it('gives every pod the resolv.conf of its policy, by which names are found', async () => {
      await using names = await startDnsLab(spec(OBJECTS, 'nftables'), the);
      const here = async (app: string, command: string, at = 0): Promise<string> => {
        const one = names.pods(app)[at];
        if (one === undefined) throw new Error(`no pod ${app}`);
        const { stdout } = await names.lab.call('run', { netns: one.netns, argv: ['sh', '-c', command], id: one.id });
        return stdout;
      };
      const cat = 'cat /etc/resolv.conf';
      expect(await here('client', cat)).toBe(`search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${DNS}\noptions ndots:5\n`);
      expect(await here('own', cat)).toBe(`search shop.svc.cluster.local\nnameserver ${DNS}\noptions ndots:1\n`);
      expect(await here('host-first', cat)).toMatch(/^search shop\.svc\.cluster\.local svc\.cluster\.local cluster\.local\nnameserver 10\.96\.0\.10\n/);
      for (const text of [await here('host', cat), await here('kube-dns', cat), await names.lab.sh(names.plan().clusters[0]?.nodes[0]?.netns ?? '', cat)])
        expect(text).toBe('# This lab has no resolver outside of its clusters.\n');

      const found = async (app: string, name: string): Promise<string> =>
        (await here(app, `getent ahostsv4 ${name} | cut -d ' ' -f 1 | sort -u | tr '\\n' ' '`)).trim();
      expect(await found('client', 'kubernetes.default')).toBe('10.96.0.1');
      expect(await found('client', 'web')).toBe('10.96.0.50');
      expect(await found('client', 'kube-dns.kube-system.svc')).toBe(DNS);
      expect(await found('client', 'db.shop')).not.toBe('');
      for (const name of ['db', 'kubernetes.default.', 'nobody.default']) expect(await found('client', name)).toBe('');
      expect((await found('own', 'db')).split(' ')).toHaveLength(2);
      expect(await found('own', 'web')).toBe('');
      expect(await found('host-first', 'db.shop')).not.toBe('');
      expect(await found('host', 'kubernetes.default.svc.cluster.local')).toBe('');
    });

    it('follows a change: new names, gone names, the same process where it can, and next to no silence', async () => {
      await using names = await startDnsLab(spec([WEB]), the);
      const [client] = names.pods('client').filter((one) => one.node === 'worker1');
      const netns = client?.netns ?? '';
      const ask = async (name: string): Promise<string | undefined> => (await names.ask(netns, { server: DNS, name: `${name}.default.svc.cluster.local` }))[0];
      expect(await ask('late')).toBe('NXDOMAIN');
      await names.lab.restart();
      const process = async (): Promise<string> => await names.lab.sh(netns, 'cut -d " " -f 1 /run/cnilab/dns/*.run | head -1');
      const before = await process();
      const late = service('late', { clusterIP: '10.96.0.60', selector: { app: 'web' }, ports });
      const silence = await names.silence(netns, DNS, async () => await names.change(spec([late])));
      expect(await ask('late')).toBe('NOERROR 10.96.0.60');
      expect(await ask('web')).toBe('NXDOMAIN');
      if (kind === 'coredns') expect(await process()).toBe(before);
      expect(silence).toBeLessThan(300);

      await names.change({ ...spec([]), name: 'names' });
      expect(await names.lab.sh(netns, `ls /run/cnilab/dns; pgrep -x ${kind} || true`)).toBe('');
      expect(await names.lab.sh(netns, 'cat /etc/resolv.conf')).toBe('# This lab has no resolver outside of its clusters.\n');
    });

    it('says what is wrong with a configuration, and goes on with the one before', async () => {
      await using names = await startDnsLab(spec([WEB]), the);
      const [dns] = names.pods('kube-dns');
      const ns = dns?.netns ?? '';
      const folder = `/run/cnilab/dns/${ns}`;
      const argv = kind === 'coredns' ? [the.program, '-conf', `${folder}/Corefile`] : [the.program, '-k', '--pid-file=', '-C', `${folder}/dnsmasq.conf`];
      const bad = { op: 'dns', ns, kind, folder, argv, files: { Corefile: '. {\n nonsense\n}\n', 'dnsmasq.conf': 'nonsense\n' } } as const;
      await expect(names.lab.apply([bad])).rejects.toThrow(/DNS server in .*(CoreDNS|dnsmasq) rejects its (new )?configuration: .*(Corefile:2|line 1)/s);
      expect(await names.ask(ns, { server: '127.0.0.1', name: 'web.default.svc.cluster.local' })).toEqual(['NOERROR 10.96.0.50']);
      await names.lab.apply([], [bad]);
      await expect(names.lab.apply([bad])).rejects.toThrow(/(CoreDNS does not start|dnsmasq rejects its configuration).*(Corefile:2|line 1)/s);
    });
  });
});

describe.skipIf(reason !== null)('names inside a running lab', () => {
  it.each([false, true])('are found by what `exec` runs (rootless: %s), and the machine’s own resolver is not seen', async (rootless) => {
    await using place = new Place([], rootless ? { CNILAB_ROOTLESS: '1' } : {});
    const file = join(place.directory, 'names.json');
    writeFileSync(file, JSON.stringify(spec()));
    const before = readFileSync('/etc/resolv.conf', 'utf8');
    expect((await place.cnilab(['up', file])).stderr).toContain('is up');
    const run = async (target: string, ...argv: readonly string[]): Promise<string> => (await place.cnilab(['exec', 'names', target, '--', ...argv])).stdout;
    expect(await run('shop/own', 'getent', 'hosts', 'db')).toMatch(/db\.shop\.svc\.cluster\.local/);
    expect(await run('shop/db-0', 'getent', 'hosts', 'kubernetes.default')).toMatch(/^10\.96\.0\.1 +kubernetes\.default\.svc\.cluster\.local/);
    expect(await run('shop/host-first', 'cat', '/etc/resolv.conf')).toMatch(/^search shop\.svc\.cluster\.local /);
    for (const target of ['shop/host', 'worker2', 'fabric'])
      expect(await run(target, 'cat', '/etc/resolv.conf')).toBe('# This lab has no resolver outside of its clusters.\n');
    expect(await run('worker1', 'printf', '[%s]', 'a b', '$(id)', '--')).toBe('[a b][$(id)][--]');
    expect((await place.cnilab(['exec', 'names', 'worker1', '--', 'sh', '-c', 'exit 7'])).code).toBe(7);
    expect((await place.cnilab(['exec', 'names', 'worker1', '--', 'no-such-program'])).code).toBe(127);
    expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(before);
    expect((await place.cnilab(['down', 'names'])).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});
