import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { hostName, netnsArgv } from '../../engines/netns/enter-holder.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { HostSpec, LabSpec } from '../../topology/spec.ts';

const planned = (...hosts: readonly HostSpec[]): LabPlan => planLab({ name: 'demo', underlay: { cidr: '192.168.1.0/24' }, hosts });
const client: HostSpec = {
  name: 'client',
  address: '192.168.1.10',
  resolver: { nameservers: ['192.168.1.100'], search: ['mycompany.com'], ndots: 2, hosts: { db: '192.168.1.11' }, order: ['dns', 'files'] },
};
const server: HostSpec = {
  name: 'dns',
  address: '192.168.1.100',
  zones: [
    {
      name: 'mycompany.com',
      records: [
        { name: 'web', type: 'A', data: '192.168.1.20' },
        { name: 'www', type: 'CNAME', data: 'web' },
      ],
    },
  ],
  forwarders: ['192.168.1.53'],
};
const opsOf = (plan: LabPlan, options = {}): readonly Op[] => compile(plan, options).flatMap((stage) => stage.ops);
const filesOf = (plan: LabPlan, host: string): Readonly<Record<string, string>> =>
  Object.fromEntries(opsOf(plan).flatMap((op) => (op.op === 'file' && op.path.includes(host) ? [[op.path, op.text]] : [])));

describe('the files of /etc that a host has to itself', () => {
  it('say what its resolver settings say', () => {
    expect(filesOf(planned(client), 'host.client')).toEqual({
      '/run/cnilab/resolv/host.client.conf': 'search mycompany.com\nnameserver 192.168.1.100\noptions ndots:2\n',
      '/run/cnilab/etc/host.client/hosts': '127.0.0.1 localhost\n::1 localhost\n192.168.1.10 client\n192.168.1.11 db\n',
      '/run/cnilab/etc/host.client/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: dns files\n',
    });
    expect(filesOf(planned(server), 'host.dns')).toEqual({});
  });

  it('are those of clones where the lab file says so', () => {
    const lab: LabSpec = {
      name: 'demo',
      clusters: [{ name: 'c1', cni: { type: 'bridge' }, nodes: [{ name: 'n1', role: 'control-plane', machineId: '0'.repeat(32) }] }],
    };
    expect(filesOf(planLab(lab), 'etc/node.c1.n1')).toEqual({
      '/run/cnilab/etc/node.c1.n1/hostname': 'n1\n',
      '/run/cnilab/etc/node.c1.n1/machine-id': `${'0'.repeat(32)}\n`,
    });
  });
});

describe('the hosts file of a pod', () => {
  const lab = (spec: object): LabSpec => ({
    name: 'demo',
    clusters: [
      {
        name: 'c1',
        cni: { type: 'bridge' },
        nodes: [{ name: 'n1', role: 'control-plane' }],
        objects: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }],
      },
    ],
  });
  const hostAliases = [{ ip: '192.0.2.7', hostnames: ['db'] }];

  it('is its own where it has host aliases, and not its node’s', () => {
    const files = filesOf(planLab(lab({ hostAliases })), '/run/cnilab/etc/');
    expect(Object.keys(files)).toEqual(['/run/cnilab/etc/pod.c1.default.p/hosts']);
    expect(files['/run/cnilab/etc/pod.c1.default.p/hosts']).toContain('\n192.0.2.7\tdb\n');
    expect(filesOf(planLab(lab({})), '/run/cnilab/etc/')).toEqual({});
    expect(filesOf(planLab(lab({ hostAliases, hostNetwork: true })), '/run/cnilab/etc/')).toEqual({});
  });

  it('changes while the pod runs, which is attached anew for nothing', () => {
    const delta = reconcile(planLab(lab({ hostAliases })), planLab(lab({ hostAliases: [{ ip: '192.0.2.8', hostnames: ['db'] }] })));
    expect([delta.undo, delta.stages.flatMap((stage) => stage.ops.map(({ op }) => op))]).toEqual([[], ['file']]);
  });
});

describe('the DNS server of a host', () => {
  const dnsOf = (options = {}) => opsOf(planned(client, server), options).flatMap((op) => (op.op === 'dns' ? [op] : []));

  it('has its records, answers for its zones itself, forwards the rest and keeps a log', () => {
    const [op, ...others] = dnsOf({ dnsmasq: '/usr/sbin/dnsmasq' });
    expect([op?.ns, op?.argv[0], others]).toEqual(['host.dns', '/usr/sbin/dnsmasq', []]);
    expect(op?.files['dnsmasq.conf']?.split('\n')).toEqual(
      expect.arrayContaining([
        'log-facility=/run/cnilab/dns/host.dns/queries.log',
        'log-queries',
        'local=/mycompany.com/',
        'server=192.168.1.53',
        'host-record=web.mycompany.com,192.168.1.20,30',
        'cname=www.mycompany.com,web.mycompany.com,30',
        'ptr-record=20.1.168.192.in-addr.arpa,web.mycompany.com',
      ]),
    );
  });

  it('may listen on port 53 without being root', () => {
    const ops = opsOf(planned(server), { rootless: true });
    expect(ops).toContainEqual({ op: 'sysctl', ns: 'host.dns', key: 'net/ipv4/ip_unprivileged_port_start', value: '0' });
    expect(dnsOf({ rootless: true })[0]?.argv.slice(0, 2)).toEqual(['unshare', '-U']);
  });

  it('is what the plan needs dnsmasq for', () => {
    expect([planNeeds(planned(client)).hostDns, planNeeds(planned(client, server)).hostDns]).toEqual([[], ['dns']]);
  });

  it('is taken down with its zones, and told of new ones', () => {
    const delta = reconcile(planned(client, server), planned(client, { name: 'dns', address: '192.168.1.100' }));
    expect(delta.undo.map(({ op }) => op)).toEqual(['dns']);
    const more = reconcile(planned(client, server), planned(client, { ...server, forwarders: [] }));
    expect([more.undo, more.stages.flatMap((stage) => stage.ops.map(({ op }) => op))]).toEqual([[], ['dns']]);
  });
});

describe('entering a place', () => {
  it('takes the last part of its identity for the host name, or of its namespace', () => {
    expect([hostName('c1/node1', 'node.c1.node1'), hostName(undefined, 'host.client'), hostName('ns1', 'ns1')]).toEqual(['node1', 'client', 'ns1']);
  });

  it('finds the environment set that it is to have, and no program in between where there is none', () => {
    const into = { netns: 'pod.c1.default.p', id: 'c1/default/p' };
    expect(netnsArgv(7, false, { ...into, environment: { A: '1', B: 'tcp://10.96.0.1:443' } }, ['sh', '-c', 'echo $A']).slice(-7)).toEqual([
      '--',
      'env',
      'A=1',
      'B=tcp://10.96.0.1:443',
      'sh',
      '-c',
      'echo $A',
    ]);
    expect(netnsArgv(7, false, into, ['true']).slice(-2)).toEqual(['--', 'true']);
  });

  it('has a mount namespace in which what is mounted in /run/netns is seen by all, and a host name', () => {
    const argv = netnsArgv(7, false, { netns: 'ns1', id: 'ns1' }, ['true']);
    expect(argv.join(' ')).toContain('unshare -m --propagation unchanged -u sh -c');
    expect(argv.slice(-6)).toEqual([
      '/run/cnilab/etc/ns1',
      '/run/cnilab/resolv/ns1.conf',
      '/run/cnilab/resolv/ns1.conf',
      '/run/cnilab/resolv/machines.conf',
      '--',
      'true',
    ]);
  });
});
