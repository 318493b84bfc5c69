import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import { lacking } from '../requires.ts';
import { AgentError, startAgentLab } from './agent-lab.ts';

type CniOp = Extract<Op, { readonly op: 'cni' }>;
const reason = lacking('root', 'plugins');

const families = {
  ipv4: { subnets: ['10.244.1.0/24'], gateways: ['10.244.1.1'], ips: ['10.244.1.77'], routes: ['0.0.0.0/0'], prefix: [24] },
  ipv6: { subnets: ['fd00:10:244:1::/64'], gateways: ['fd00:10:244:1::1'], ips: ['fd00:10:244:1::4d'], routes: ['::/0'], prefix: [64] },
  dual: {
    subnets: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    gateways: ['10.244.1.1', 'fd00:10:244:1::1'],
    ips: ['10.244.1.77', 'fd00:10:244:1::4d'],
    routes: ['0.0.0.0/0', '::/0'],
    prefix: [24, 64],
  },
} as const;

const node: readonly Op[] = [
  { op: 'netns', ns: 'node' },
  { op: 'sysctl', ns: 'node', key: 'net/ipv4/ip_forward', value: '1' },
  { op: 'sysctl', ns: 'node', key: 'net/ipv6/conf/all/forwarding', value: '1' },
  // The plugin gives the bridge its IPv6 address with duplicate address detection, which would keep it unusable for a second.
  { op: 'sysctl', ns: 'node', key: 'net/ipv6/conf/all/accept_dad', value: '0' },
  { op: 'sysctl', ns: 'node', key: 'net/ipv6/conf/default/accept_dad', value: '0' },
  { op: 'bridge', ns: 'node', name: 'cni0', mac: '02:00:00:00:00:01', mtu: 1500 },
];

function podOp(family: (typeof families)[keyof typeof families], change: Partial<CniOp> = {}, bridge: Readonly<Record<string, unknown>> = {}): CniOp {
  return {
    op: 'cni',
    node: 'node',
    ns: 'pod',
    containerId: 'a'.repeat(64),
    ifname: 'eth0',
    configured: false,
    ips: family.ips,
    mac: '02:00:00:00:00:aa',
    portMappings: [],
    pod: { namespace: 'default', name: 'web-0' },
    lane: null,
    list: {
      cniVersion: '1.0.0',
      name: 'lab',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          hairpinMode: true,
          mtu: 1500,
          capabilities: { mac: true },
          ipam: {
            type: 'host-local',
            dataDir: '/run/cnilab/ipam/node',
            ranges: family.subnets.map((subnet, i) => [{ subnet, gateway: family.gateways[i] }]),
            routes: family.routes.map((dst) => ({ dst })),
          },
          ...bridge,
        },
      ],
    },
    ...change,
  };
}

describe.skipIf(reason !== null)(`CNI plugins, called as a runtime does${reason === null ? '' : ` (${reason})`}`, () => {
  it.each([
    ['ipv4', false],
    ['ipv6', false],
    ['dual', false],
    ['dual', true],
  ] as const)('%s (rootless: %s): the pod gets the planned addresses and MAC, CHECK passes, DEL frees them', async (name, rootless) => {
    const family = families[name];
    await using lab = await startAgentLab({ rootless });
    const op = podOp(family);
    await lab.apply([...node, { op: 'netns', ns: 'pod' }, op]);

    const pod = await lab.snapshot('pod');
    const eth0 = pod.links.find((link) => link.name === 'eth0');
    expect(eth0).toMatchObject({ mac: '02:00:00:00:00:aa', mtu: 1500, up: true, kind: 'veth' });
    const planned = pod.addresses.filter(({ dev, address }) => dev === 'eth0' && !address.startsWith('fe80'));
    expect(planned.map(({ address, prefixLength }) => ({ address, prefixLength }))).toEqual(
      family.ips.map((address, i) => ({ address, prefixLength: family.prefix[i] })),
    );
    for (const gateway of family.gateways) await lab.sh('pod', `ping -c1 -W2 ${gateway}`);
    expect((await lab.snapshot('node')).links.filter((link) => link.master === 'cni0')).toMatchObject([{ hairpin: true, up: true }]);

    await lab.restart();
    expect(await lab.call('check', { ops: [op] })).toEqual({ checked: 1 });
    await lab.sh('pod', `ip address del ${family.ips[0]}/${family.prefix[0]} dev eth0`);
    await expect(lab.call('check', { ops: [op] })).rejects.toThrow(/^pod default\/web-0 on node: CNI plugin bridge failed at CHECK: .*code/);

    await lab.apply([], [op]);
    expect((await lab.snapshot('node')).links.filter((link) => link.master === 'cni0')).toEqual([]);
    const used = await lab.sh('node', 'ls /run/cnilab/ipam/node/lab | grep -v -e lock -e last_reserved || true; ls /run/cnilab/cni');
    expect(used.trim()).toBe('');
    await lab.apply([], [op]);
  });

  it('leaves nothing of an attachment by hand whose plugin does not start', async () => {
    await using lab = await startAgentLab();
    await lab.apply(node);
    const bin = '/run/cnilab/node/bin';
    await lab.sh('node', `mkdir -p ${bin}; for d in /usr/libexec/cni /usr/lib/cni /opt/cni/bin; do [ ! -d $d ] || ln -sf $d/* ${bin}; done`);
    await lab.sh('node', `printf '#!/nowhere\\n' > ${bin}/broken; chmod +x ${bin}/broken`);
    const { list } = podOp(families.ipv4);
    const plugins = [...(list['plugins'] as unknown[]), { type: 'broken' }];
    const pod = { namespace: 'default', name: 'hand' };
    const request = { command: 'ADD', node: 'node', netns: 'hand', owned: true, containerId: 'b'.repeat(64), ifname: 'eth0', pod } as const;
    await expect(lab.call('cni', { ...request, list: { ...list, plugins } })).rejects.toThrow(`cannot start ${bin}/broken`);
    const left = 'ls /run/netns; ls /run/cnilab/ipam/node/lab | grep -v -e lock -e last_reserved || true';
    expect((await lab.sh('node', left)).trim()).toBe('node');
    expect((await lab.snapshot('node')).links.filter((link) => link.master === 'cni0')).toEqual([]);
    expect(await lab.call('cni', { ...request, list })).toMatchObject({ ok: true, made: true });
  });

  it('attaches many pods side by side, and portmap opens a host port', async () => {
    await using lab = await startAgentLab();
    const pods = Array.from({ length: 8 }, (_, i) => ({ ns: `pod${i}`, ip: `10.244.1.${10 + i}`, mac: `02:00:00:00:01:0${i}` }));
    const base = podOp(families.ipv4);
    const list = { ...base.list, plugins: [...(base.list['plugins'] as unknown[]), { type: 'portmap', capabilities: { portMappings: true } }] };
    await lab.apply([
      ...node,
      ...pods.map(({ ns }): Op => ({ op: 'netns', ns })),
      ...pods.map(
        ({ ns, ip, mac }, i): Op => ({
          ...base,
          list,
          ns,
          mac,
          ips: [ip],
          containerId: `${i}`.repeat(64),
          lane: 'node',
          portMappings: i === 0 ? [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] : [],
        }),
      ),
    ]);
    const macs = (await lab.sh('node', 'for i in 0 1 2 3 4 5 6 7; do ping -c1 -W2 10.244.1.1$i >/dev/null || echo lost $i; done; ip neigh | sort')).trim();
    expect(macs).not.toContain('lost');
    for (const { ip, mac } of pods) expect(macs).toContain(`${ip} dev cni0 lladdr ${mac}`);
    expect((await lab.snapshot('node', true)).rules.iptables).toMatch(/--dport 8080 .*DNAT --to-destination 10\.244\.1\.10:80/);
    expect(lab.events.filter(({ phase }) => phase === 'progress').at(-1)?.detail).toBe('8/8 pods');
  });

  it('reports what a plugin says, with a command to repeat it, and leaves nothing behind', async () => {
    await using lab = await startAgentLab();
    await lab.apply([...node, { op: 'netns', ns: 'pod' }]);
    const taken = podOp(families.ipv4, { ips: ['10.244.9.9'] });
    const error = await lab.apply([taken]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AgentError);
    const { failure } = error as AgentError;
    expect(failure.message).toMatch(/^pod default\/web-0 on node: CNI plugin bridge failed at ADD: .*10\.244\.9\.9.* \[code \d+\]$/);
    expect(failure.step).toBe('test');
    expect(failure.details?.['command']).toMatch(/^nsenter --net=\/run\/netns\/node env CNI_COMMAND=ADD .*\/bridge <<'EOF'\n\{/);
    expect((await lab.snapshot('node')).links.map(({ name }) => name)).toEqual(['lo', 'cni0']);

    await expect(lab.apply([podOp(families.ipv4, {}, { type: 'no-such-plugin' })])).rejects.toThrow(
      /CNI plugin "no-such-plugin" was not found in .*\/opt\/cni\/bin/,
    );
    await expect(lab.apply([podOp(families.ipv4, {}, { type: '../../bin/sh' })])).rejects.toThrow(/was not found/);
    await lab.apply([podOp(families.ipv4)]);
  });

  it.each([false, true])('attaches a pod by the list that comes first on its node, and by the plugins there (rootless: %s)', async (rootless) => {
    await using lab = await startAgentLab({ rootless });
    const { list } = podOp(families.ipv4);
    const op = podOp(families.ipv4, { configured: true });
    await lab.apply([...node, { op: 'cni-setup', ns: 'node', list, pluginDirs: [] }, { op: 'netns', ns: 'pod' }, op]);
    expect((await lab.snapshot('pod')).addresses.map(({ address }) => address)).toContain('10.244.1.77');
    const { cni } = await lab.snapshot('node');
    expect(cni?.configs).toEqual([{ file: '10-cnilab.conflist', text: `${JSON.stringify(list, null, 2)}\n` }]);
    expect(cni?.plugins).toEqual(expect.arrayContaining(['bridge', 'host-local', 'loopback', 'portmap']));
    expect((await lab.snapshot('pod')).cni).toBeUndefined();

    // A file with a single plugin; no address is asked for, so that it is the list that chooses.
    const foreign = {
      cniVersion: '1.0.0',
      name: 'old',
      type: 'bridge',
      bridge: 'cbr9',
      ipam: { type: 'host-local', dataDir: '/run/cnilab/old', subnet: '10.88.0.0/16' },
    };
    await lab.sh('node', `echo '${JSON.stringify(foreign)}' > /run/cnilab/node/net.d/05-old.conf; touch /run/cnilab/node/net.d/00-notes.txt`);
    const next = (ns: string, at: string): CniOp => ({ ...op, ns, containerId: at.repeat(64), ips: [], mac: '' });
    await lab.apply([{ op: 'netns', ns: 'pod2' }, next('pod2', 'b')]);
    expect((await lab.snapshot('pod2')).addresses.map(({ address }) => address)).toContain('10.88.0.2');
    expect((await lab.snapshot('node')).links.map(({ name }) => name)).toContain('cbr9');
    // What was attached by it is checked and removed by it.
    await lab.sh('node', 'rm /run/cnilab/node/net.d/05-old.conf');
    expect(await lab.call('check', { ops: [op, next('pod2', 'b')] })).toEqual({ checked: 2 });
    await lab.apply([], [next('pod2', 'b')]);
    expect((await lab.snapshot('node')).links.filter(({ master }) => master === 'cbr9')).toEqual([]);

    await lab.sh('node', 'mv /run/cnilab/node/bin/host-local /run/cnilab/node/bin/x');
    await expect(lab.apply([next('pod2', 'c')])).rejects.toThrow(/CNI plugin bridge failed at ADD by list "lab": .*host-local/);
    await lab.sh('node', 'rm /run/cnilab/node/bin/bridge');
    await expect(lab.apply([next('pod2', 'd')])).rejects.toThrow(/CNI plugin "bridge" was not found in \/run\/cnilab\/node\/bin/);
    await lab.sh('node', 'echo { > /run/cnilab/node/net.d/05-broken.conflist');
    await expect(lab.apply([next('pod2', 'e')])).rejects.toThrow(/05-broken\.conflist, the first CNI configuration, cannot be read/);
    await lab.sh('node', 'rm /run/cnilab/node/net.d/*.conflist');
    await expect(lab.apply([next('pod2', 'f')])).rejects.toThrow(/there is no CNI configuration in \/run\/cnilab\/node\/net\.d/);
    await lab.apply([], [{ op: 'cni-setup', ns: 'node', list, pluginDirs: [] }]);
    expect((await lab.snapshot('node')).cni).toBeUndefined();
  });

  it('leaves static addresses to the list', async () => {
    await using lab = await startAgentLab();
    const ipam = { type: 'static', addresses: [{ address: '10.244.1.77/24', gateway: '10.244.1.1' }] };
    await lab.apply([...node, { op: 'netns', ns: 'pod' }, podOp(families.ipv4, {}, { ipam })]);
    expect((await lab.snapshot('pod')).addresses.map(({ address }) => address)).toContain('10.244.1.77');
    await expect(
      lab.apply([{ op: 'netns', ns: 'pod2' }, podOp(families.ipv4, { ns: 'pod2', ips: ['10.244.1.5'], containerId: 'b'.repeat(64) }, { ipam })]),
    ).rejects.toThrow(/gave it 10\.244\.1\.77 instead of the planned 10\.244\.1\.5/);
  });
});
