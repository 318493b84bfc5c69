import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { lacking } from '../requires.ts';
import { AgentError, type AgentLab, startAgentLab } from './agent-lab.ts';

const reason = lacking('root');
const MAC = { a: '02:00:00:00:00:0a', b: '02:00:00:00:00:0b', vtepA: '02:00:00:00:01:0a', vtepB: '02:00:00:00:01:0b', switch: '02:00:00:00:00:01' } as const;

const underlay: readonly Op[] = [
  { op: 'netns', ns: 'fabric' },
  { op: 'bridge', ns: 'fabric', name: 'lan', mac: MAC.switch, mtu: 1500 },
  ...(['a', 'b'] as const).flatMap((ns): Op[] => [
    { op: 'netns', ns },
    { op: 'sysctl', ns, key: 'net/ipv4/ip_forward', value: '1' },
    {
      op: 'veth',
      ns: 'fabric',
      name: `port-${ns}`,
      mac: null,
      mtu: 1500,
      master: 'lan',
      hairpin: ns === 'b',
      peer: { ns, name: 'eth0', mac: MAC[ns], mtu: 1500 },
    },
  ]),
];

const addresses: readonly Op[] = [
  { op: 'address', ns: 'a', dev: 'eth0', address: '172.18.0.1', prefixLength: 24 },
  { op: 'address', ns: 'b', dev: 'eth0', address: '172.18.0.2', prefixLength: 24 },
  { op: 'address', ns: 'a', dev: 'eth0', address: 'fd00:18::1', prefixLength: 64 },
  { op: 'address', ns: 'b', dev: 'eth0', address: 'fd00:18::2', prefixLength: 64 },
];

function vxlan(family: 'ipv4' | 'ipv6'): Op[] {
  const outer = family === 'ipv4' ? { a: '172.18.0.1', b: '172.18.0.2' } : { a: 'fd00:18::1', b: 'fd00:18::2' };
  const sides = [
    ['a', 'b', MAC.vtepA, MAC.vtepB, 1, 2],
    ['b', 'a', MAC.vtepB, MAC.vtepA, 2, 1],
  ] as const;
  return sides.flatMap(([ns, peer, mac, peerMac, own, other]): Op[] => [
    { op: 'vxlan', ns, name: 'flannel.1', mac, mtu: 1430, vni: 7, port: 8472, local: outer[ns], dev: 'eth0', learning: false, master: null },
    { op: 'address', ns, dev: 'flannel.1', address: `10.244.${own}.0`, prefixLength: 32 },
    { op: 'neigh', ns, dev: 'flannel.1', address: `10.244.${other}.0`, mac: peerMac },
    { op: 'fdb', ns, dev: 'flannel.1', mac: peerMac, dst: outer[peer] },
    { op: 'route', ns, to: `10.244.${other}.0/24`, via: `10.244.${other}.0`, dev: 'flannel.1', onlink: true, type: 'unicast' },
  ]);
}

const withoutCounters = (snapshot: NamespaceSnapshot): unknown => ({
  ...snapshot,
  counters: null,
  links: snapshot.links.map((link) => ({ ...link, statistics: null })),
  neighbours: snapshot.neighbours.filter(({ state }) => state === 'permanent'),
  fdb: snapshot.fdb.filter(({ permanent }) => permanent),
});

async function failureOf(lab: AgentLab, ops: readonly Op[]): Promise<AgentError> {
  const error = await lab.apply(ops).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AgentError);
  return error as AgentError;
}

describe.skipIf(reason !== null)(`the agent and the kernel${reason === null ? '' : ` (${reason})`}`, () => {
  it.each([
    ['ipv4', false],
    ['ipv6', false],
    ['ipv4', true],
  ] as const)('joins two nodes by VXLAN over %s (rootless: %s); iproute2 and the snapshot tell the same', async (family, rootless) => {
    await using lab = await startAgentLab({ rootless });
    await lab.apply([...underlay, ...addresses, ...vxlan(family)]);
    await lab.sh('a', 'ping -c1 -W2 172.18.0.2 && ping -c1 -W2 fd00:18::2 && ping -c1 -W2 -M do -s 1402 10.244.2.0');

    const a = await lab.snapshot('a');
    const details = await lab.sh('a', 'ip -d link show flannel.1');
    expect(details).toContain(family === 'ipv4' ? 'vxlan id 7 local 172.18.0.1 dev eth0 ' : 'vxlan id 7 local fd00:18::1 dev eth0 ');
    expect(details).toContain('dstport 8472');
    expect(details).toContain('nolearning');
    expect(a.links.find(({ name }) => name === 'flannel.1')).toMatchObject({
      mac: MAC.vtepA,
      mtu: 1430,
      up: true,
      kind: 'vxlan',
      vxlan: { vni: 7, port: 8472, local: family === 'ipv4' ? '172.18.0.1' : 'fd00:18::1', learning: false },
    });
    expect(await lab.sh('a', 'ip route show 10.244.2.0/24')).toContain('10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto static onlink');
    expect(a.routes).toContainEqual({
      family: 'ipv4',
      to: '10.244.2.0/24',
      via: '10.244.2.0',
      dev: 'flannel.1',
      type: 'unicast',
      proto: 4,
      metric: 0,
      table: 254,
      onlink: true,
    });
    expect(a.fdb).toContainEqual({ dev: 'flannel.1', mac: MAC.vtepB, dst: family === 'ipv4' ? '172.18.0.2' : 'fd00:18::2', permanent: true });
    expect(a.neighbours).toContainEqual({ dev: 'flannel.1', family: 'ipv4', address: '10.244.2.0', mac: MAC.vtepB, state: 'permanent' });
    expect(a.sysctls['net/ipv4/ip_forward']).toBe('1');
    expect(a.counters['IpInReceives']).toBeGreaterThan(0);
    expect(a.counters['Ip6InReceives']).toBeGreaterThan(0);
    // What the namespace holds, against the machine's limit; absent where the kernel tracks no connections.
    const most = '/proc/sys/net/netfilter/nf_conntrack_max';
    expect(a.counters['ConntrackMax']).toBe(existsSync(most) ? Number(readFileSync(most, 'utf8')) : undefined);
    expect(a.counters['ConntrackEntries'] ?? 0).toBeLessThan(a.counters['ConntrackMax'] ?? 1);
    expect((await lab.snapshot('fabric')).links.filter(({ master }) => master === 'lan').map(({ name, hairpin }) => ({ name, hairpin }))).toEqual([
      { name: 'port-a', hairpin: false },
      { name: 'port-b', hairpin: true },
    ]);
  });

  it('floods to several VTEPs, keeps blackholes, lists listeners', async () => {
    await using lab = await startAgentLab();
    const flood: readonly Op[] = ['172.18.0.2', '172.18.0.3'].map((dst) => ({ op: 'fdb', ns: 'a', dev: 'weave', mac: '00:00:00:00:00:00', dst }));
    await lab.apply([
      ...underlay,
      ...addresses,
      { op: 'bridge', ns: 'a', name: 'br', mac: MAC.vtepA, mtu: 1376 },
      { op: 'vxlan', ns: 'a', name: 'weave', mac: MAC.vtepB, mtu: 1376, vni: 6784, port: 6784, local: '172.18.0.1', dev: 'eth0', learning: true, master: 'br' },
      ...flood,
      ...flood,
      { op: 'route', ns: 'a', to: '10.244.0.0/26', via: null, dev: null, onlink: false, type: 'blackhole' },
      { op: 'route', ns: 'a', to: 'fd00:244::/122', via: null, dev: null, onlink: false, type: 'blackhole' },
      { op: 'route', ns: 'a', to: '169.254.1.1/32', via: null, dev: 'eth0', onlink: false, type: 'unicast' },
    ]);
    const a = await lab.snapshot('a');
    expect(
      a.fdb
        .filter(({ dst }) => dst !== null)
        .map(({ dst }) => dst)
        .sort(),
    ).toEqual(['172.18.0.2', '172.18.0.3']);
    expect(a.links.find(({ name }) => name === 'weave')).toMatchObject({ master: 'br', vxlan: { learning: true } });
    expect(a.routes.filter(({ type }) => type === 'blackhole').map(({ to }) => to)).toEqual(['10.244.0.0/26', 'fd00:244::/122']);
    expect(await lab.sh('a', 'ip route show 169.254.1.1')).toContain('169.254.1.1 dev eth0 proto static scope link');
    await lab.sh(
      'a',
      `${process.execPath} -e "const net = require('net'); net.createServer().listen(8080, '172.18.0.1'); net.createServer().listen(8081, '::')" </dev/null >/dev/null 2>&1 & sleep 0.5`,
    );
    expect((await lab.snapshot('a')).listening).toEqual(['172.18.0.1:8080', '[::]:8081']);
  });

  it('applied again by another agent, addresses, routes and entries change nothing; links are refused', async () => {
    await using lab = await startAgentLab();
    const ops = [...underlay, ...addresses, ...vxlan('ipv4')];
    await lab.apply(ops);
    const before = withoutCounters(await lab.snapshot('a'));
    await lab.restart();
    await lab.apply(ops.filter(({ op }) => op === 'address' || op === 'route' || op === 'neigh' || op === 'fdb' || op === 'sysctl'));
    expect(withoutCounters(await lab.snapshot('a'))).toEqual(before);
    const { failure } = await failureOf(lab, [{ op: 'bridge', ns: 'fabric', name: 'lan', mac: MAC.switch, mtu: 1500 }]);
    expect(failure).toMatchObject({ message: 'bridge lan in fabric: cannot create it: EEXIST (file already exists)', step: 'test', errno: 17 });
    expect((await failureOf(lab, [{ op: 'netns', ns: 'a' }])).failure.errno).toBe(17);
    // Made elsewhere meanwhile, with the index that the agent would choose next.
    await lab.sh('fabric', 'ip link add foreign index 5 type bridge');
    await lab.apply([{ op: 'bridge', ns: 'fabric', name: 'second', mac: MAC.a, mtu: 1500 }]);
    await lab.sh('a', 'ip link add foreign index 4 type bridge');
    await lab.apply([
      { op: 'veth', ns: 'b', name: 'x', mac: null, mtu: 1500, master: null, hairpin: false, peer: { ns: 'a', name: 'x', mac: MAC.a, mtu: 1500 } },
    ]);
    expect((await lab.snapshot('a')).links.find(({ name }) => name === 'x')).toMatchObject({ up: true, carrier: true, mac: MAC.a });
  });

  it('taken back in reverse order leaves the namespaces as they were, and twice is fine', async () => {
    await using lab = await startAgentLab();
    await lab.apply([...underlay, ...addresses]);
    const before = withoutCounters(await lab.snapshot('a'));
    const added: readonly Op[] = [
      ...vxlan('ipv4'),
      { op: 'route', ns: 'a', to: 'fd00:9::/64', via: 'fd00:18::2', dev: 'eth0', onlink: false, type: 'unicast' },
      { op: 'route', ns: 'a', to: '10.9.0.0/16', via: null, dev: null, onlink: false, type: 'blackhole' },
      { op: 'address', ns: 'a', dev: 'eth0', address: 'fd00:18::99', prefixLength: 128 },
      { op: 'neigh', ns: 'a', dev: 'eth0', address: 'fd00:18::2', mac: MAC.b },
      {
        op: 'veth',
        ns: 'a',
        name: 'p1',
        mac: null,
        mtu: 1450,
        master: null,
        hairpin: false,
        peer: { ns: 'b', name: 'p1', mac: '02:00:00:00:07:01', mtu: 1450 },
      },
      { op: 'file', path: '/run/cnilab/a/subnet.env', text: 'FLANNEL_MTU=1450\n' },
    ];
    await lab.apply(added);
    expect(await lab.sh('a', 'cat /run/cnilab/a/subnet.env')).toBe('FLANNEL_MTU=1450\n');
    await lab.restart();
    await lab.apply([], added.toReversed());
    expect(withoutCounters(await lab.snapshot('a'))).toEqual(before);
    expect((await lab.run('a', 'cat /run/cnilab/a/subnet.env')).exitCode).toBe(1);
    await lab.apply([], added.toReversed());

    await lab.apply(
      [],
      [
        { op: 'netns', ns: 'b' },
        { op: 'netns', ns: 'b' },
      ],
    );
    expect((await lab.snapshot('fabric')).links.map(({ name }) => name)).toEqual(['lo', 'lan', 'port-a']);
    expect(await lab.sh('a', 'ls /run/netns')).toBe('a\nfabric\n');
    await lab.apply([], [{ op: 'route', ns: 'b', to: '10.0.0.0/8', via: null, dev: null, onlink: false, type: 'blackhole' }, ...underlay.toReversed()]);
    await expect(lab.sh('a', 'true')).rejects.toThrow('the lab has no network namespace a (it has none)');
  });

  it("names the op, the object, the errno and the kernel's own words when something is refused", async () => {
    await using lab = await startAgentLab();
    await lab.apply([...underlay, ...addresses]);
    const route = { op: 'route', ns: 'a', to: '10.1.0.0/16', via: '192.0.2.1', dev: null, onlink: false, type: 'unicast' } as const;
    const unreachable = (await failureOf(lab, [route])).failure;
    expect(unreachable.message).toBe('route 10.1.0.0/16 via 192.0.2.1 in a: cannot add it: ENETUNREACH (network is unreachable): Nexthop has invalid gateway');
    expect(unreachable).toMatchObject({ errno: 101, step: 'test', details: { op: route, extended: 'Nexthop has invalid gateway' } });
    expect(unreachable.hint).toContain('next hop');
    expect((await failureOf(lab, [{ ...route, dev: 'eth7' }])).message).toContain('a has no interface eth7 (it has lo, eth0)');
    expect((await failureOf(lab, [{ ...route, ns: 'c' }])).message).toContain('the lab has no network namespace c (it has a, b, fabric)');
    expect((await failureOf(lab, [{ op: 'sysctl', ns: 'a', key: 'net/ipv4/conf/eth9/rp_filter', value: '0' }])).failure).toMatchObject({ errno: 2 });
    expect((await failureOf(lab, [{ op: 'sysctl', ns: 'a', key: 'net/ipv4/ip_forward', value: 'x' }])).failure).toMatchObject({ errno: 22 });
    expect((await failureOf(lab, [{ op: 'sysctl', ns: 'a', key: 'kernel/hostname', value: 'x' }])).message).toContain('is not a sysctl of a network namespace');
    expect((await failureOf(lab, [{ op: 'file', path: '/run/cnilab/../../etc/x', text: '' }])).message).toContain("outside the lab's own folder");
    expect((await failureOf(lab, [{ op: 'netns', ns: '../x' }])).message).toContain('cannot be the name of a network namespace');
    expect(lab.events.at(-1)).toMatchObject({ step: 'test', phase: 'failed' });
  });

  it("runs a bash without the user's ~/.bashrc, though its input is a socket", async () => {
    await using lab = await startAgentLab();
    await lab.apply(underlay);
    const home = mkdtempSync(join(tmpdir(), 'cnilab-home-'));
    try {
      writeFileSync(join(home, '.bashrc'), 'echo read\n');
      expect(await lab.call('run', { netns: 'a', argv: ['bash', '-c', 'echo ran'], env: { HOME: home } })).toMatchObject({ exitCode: 0, stdout: 'ran\n' });
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it('runs programs in a namespace, with input, exit code and time limit', async () => {
    await using lab = await startAgentLab();
    await lab.apply([...underlay, ...addresses]);
    expect(await lab.call('run', { netns: 'a', argv: ['sh', '-c', 'cat; ip -br -4 addr show eth0; echo no >&2; exit 3'], input: 'in\n' })).toEqual({
      exitCode: 3,
      stdout: expect.stringMatching(/^in\neth0@if\d+ +UP +172\.18\.0\.1\/24/),
      stderr: 'no\n',
    });
    await expect(lab.call('run', { netns: 'a', argv: ['sleep', '10'], timeoutMs: 50 })).rejects.toThrow('took longer than 50 ms');
    await expect(lab.call('run', { netns: 'a', argv: ['no-such-program'] })).rejects.toThrow('cannot start no-such-program in a');
    await expect(lab.call('nonsense' as 'run', { netns: 'a', argv: [] })).rejects.toThrow('the agent has no method nonsense');
  });
});
