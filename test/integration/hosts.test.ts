import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HostSpec, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';

const reason = lacking('root');
const noDns = lacking('root', 'dnsmasq');

/** What a command of the lab prints; its errors too. */
async function said(place: Place, where: string, ...argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await place.cnilab(['exec', 'hosts', where, '--', ...argv]);
  return `${stdout}${stderr}`.trim();
}

async function up(place: Place, lab: Omit<LabSpec, 'name'>): Promise<string> {
  const file = join(place.directory, 'hosts.json');
  writeFileSync(file, JSON.stringify({ name: 'hosts', ...lab }));
  const { code, stdout, stderr } = await place.cnilab(['up', file]);
  expect(code, stderr).toBe(0);
  return `${stdout}${stderr}`;
}

describe.skipIf(reason !== null)('hosts without a cable', () => {
  it('are joined by what is typed, under their own names, and so are namespaces that are made by hand', async () => {
    await using place = new Place();
    await up(place, {
      hosts: [
        { name: 'ns1', segment: 'none' },
        { name: 'ns2', segment: 'none' },
      ],
    });
    expect(await said(place, 'ns1', 'ip', '-br', 'link')).toMatch(/^lo\s+UNKNOWN[^\n]*$/);
    await said(
      place,
      'ns1',
      'sh',
      '-c',
      'ip link add veth0 type veth peer name veth1 netns ns2 && ip address add 10.1.1.2/24 dev veth0 && ip link set veth0 up',
    );
    await said(place, 'ns2', 'sh', '-c', 'ip address add 10.1.1.3/24 dev veth1 && ip link set veth1 up');
    expect(await said(place, 'ns1', 'ping', '-c', '1', '-W', '2', '10.1.1.3')).toContain('1 received');

    await said(place, 'ns1', 'ip', 'netns', 'add', 'green');
    expect((await said(place, 'ns2', 'ip', 'netns', 'list')).split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['ns1', 'ns2', 'green']),
    );
    expect(await said(place, 'ns2', 'ip', '-n', 'green', '-br', 'link')).toMatch(/^lo\s/);
    await said(place, 'ns2', 'ip', 'netns', 'del', 'green');
    expect(await said(place, 'ns1', 'ip', 'netns', 'list')).not.toContain('green');
    expect((await place.cnilab(['down', 'hosts'])).code).toBe(0);
  }, 120_000);

  it('have host names of their own', async () => {
    await using place = new Place();
    await up(place, { hosts: [{ name: 'pc', segment: 'none' }], routers: [{ name: 'gate', interfaces: [{ segment: 'lan' }] }] });
    const names = [await said(place, 'pc', 'cat', '/proc/sys/kernel/hostname'), await said(place, 'gate', 'cat', '/proc/sys/kernel/hostname')];
    expect(names).toEqual(['pc', 'gate']);
    expect((await place.cnilab(['down', 'hosts'])).code).toBe(0);
  }, 120_000);
});

const records: NonNullable<HostSpec['zones']>[number]['records'] = [
  { name: 'web', type: 'A', data: '192.168.1.20' },
  { name: 'web', type: 'AAAA', data: '2001:db8::20' },
  { name: 'www', type: 'CNAME', data: 'web' },
  { name: 'db', type: 'A', data: '192.168.1.12' },
];
const office = (order: readonly ('files' | 'dns')[], more: NonNullable<HostSpec['zones']>[number]['records'] = []): Omit<LabSpec, 'name'> => ({
  underlay: { cidr: '192.168.1.0/24' },
  hosts: [
    {
      name: 'client',
      address: '192.168.1.10',
      resolver: { nameservers: ['192.168.1.100'], search: ['a.example', 'b.example'], hosts: { db: '192.168.1.11' }, order },
    },
    {
      name: 'dns',
      address: '192.168.1.100',
      zones: [
        { name: 'a.example', records: [...records, ...more] },
        { name: 'b.example', records: [{ name: 'only', type: 'A', data: '192.168.1.30' }] },
      ],
      forwarders: ['192.168.1.53'],
    },
    { name: 'world', address: '192.168.1.53', zones: [{ name: 'example.net', records: [{ name: 'www', type: 'A', data: '198.51.100.9' }] }] },
  ],
});

describe.skipIf(noDns !== null)('names of hosts', () => {
  it('come from the hosts file, the search list, zones and another server, in the order that is asked for, and follow a change', async () => {
    await using place = new Place();
    await up(place, office(['files', 'dns']));
    const address = async (name: string, ...how: readonly string[]): Promise<string> =>
      (await said(place, 'client', 'getent', ...how, 'ahostsv4', name)).split(/\s/)[0] ?? '';
    expect([await address('db'), await address('db', '-s', 'dns'), await address('www'), await address('only'), await address('www.example.net')]).toEqual([
      '192.168.1.11',
      '192.168.1.12',
      '192.168.1.20',
      '192.168.1.30',
      '198.51.100.9',
    ]);
    expect(await said(place, 'client', 'getent', 'hosts', 'web')).toMatch(/^2001:db8::20\s+web\.a\.example$/);
    expect(await said(place, 'client', 'getent', 'hosts', '192.168.1.30')).toMatch(/^192\.168\.1\.30\s+only\.b\.example$/);
    expect(await address('nobody')).toBe('');
    const asked = await said(place, 'dns', 'grep', '-o', 'query.A. only.*', '/run/cnilab/dns/host.dns/queries.log');
    expect(asked.split('\n')).toEqual(['query[A] only.a.example from 192.168.1.10', 'query[A] only.b.example from 192.168.1.10']);

    // What a learner writes stays with this host.
    await said(place, 'client', 'sh', '-c', 'echo 192.168.1.99 mine >>/etc/hosts');
    expect([await address('mine'), await said(place, 'world', 'getent', 'hosts', 'mine')]).toEqual(['192.168.1.99', '']);

    const change = await up(place, office(['dns', 'files'], [{ name: 'new', type: 'A', data: '192.168.1.77' }]));
    expect(change).not.toContain('replace');
    expect([await address('db'), await address('new')]).toEqual(['192.168.1.12', '192.168.1.77']);
    expect((await place.cnilab(['down', 'hosts'])).code).toBe(0);
  }, 180_000);
});

describe.skipIf(reason !== null)('a cloned node', () => {
  it('is found without a packet', async () => {
    await using place = new Place();
    const id = (digit: string): string => digit.repeat(32);
    await up(place, {
      clusters: [
        {
          name: 'c1',
          cni: { type: 'calico', encapsulation: 'vxlan' },
          nodes: [
            { name: 'n1', role: 'control-plane', machineId: id('1') },
            { name: 'n2', machineId: id('2') },
          ],
        },
      ],
    });
    const clean = await place.cnilab(['diagnose', 'hosts', '--json']);
    expect(clean.stdout).not.toContain('node-not-unique');
    await said(place, 'n2', 'sh', '-c', `echo n1 >/etc/hostname; echo ${id('1')} >/etc/machine-id`);
    expect(await said(place, 'n2', 'cat', '/proc/sys/kernel/hostname')).toBe('n1');
    const found = await place.cnilab(['diagnose', 'hosts', '--json']);
    expect(found.stdout).toContain(`${id('1')} is the machine-id of n1 and n2`);
    expect(found.stdout).toContain('n1 is the host name of n1 and n2');
    expect((await place.cnilab(['down', 'hosts'])).code).toBe(0);
  }, 180_000);
});
