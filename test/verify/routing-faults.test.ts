/** Faults of routes, ranges, addresses, neighbours and connection tracking: their commands, and where they are refused. The real kernel: test/integration/faults.test.ts. */
import { describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { faultApplies, faultById, injectFault, undoFault } from '../../verify/faults/index.ts';
import { changed, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';

const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } };
const vxlan = smallPlan({ type: 'flannel' });
const bare = smallPlan({ type: 'bridge' });
const calico = smallPlan({ type: 'calico', encapsulation: 'none' });
const weave = smallPlan({ type: 'weave' });
const served = smallPlan({ type: 'flannel' }, {}, { dns: false, objects: [service] });
const routed = smallPlan({ type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }, { objects: [service] });
const six = smallPlan({ type: 'flannel' }, { underlay: { cidr: 'fd00:30::/64' } }, { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' });
const permanent: LabPlan = { ...vxlan, neighbours: { ...vxlan.neighbours, mode: 'permanent' } };

/** Commands of a fault and, after `--`, of its undo. */
async function script(plan: LabPlan, id: string, snapshot: Snapshot = healthySnapshot(plan)): Promise<readonly string[]> {
  const lines: string[] = [];
  const refuse = (): never => expect.fail('not a part of this test');
  const session: EngineSession = {
    sight: { icmp: true, df: true, kernel: true, clock: true, destination: true },
    probe: refuse,
    checkAttachments: refuse,
    snapshot: async () => snapshot,
    run: async (netns, argv, options) => {
      lines.push(`${netns}: ${argv.map((word) => (word.includes('\n') ? '<program>' : word)).join(' ')}${options?.input === undefined ? '' : ' <<<'}`);
      return { exitCode: 0, stdout: '', stderr: '' };
    },
    close: async () => {},
  };
  const undo = await injectFault(session, plan, id, { node: 'worker1' });
  lines.push('--');
  await undoFault(session, undo);
  return lines;
}

describe('routes', () => {
  it('become blackholes: in place of a static one, before one of BIRD', async () => {
    expect(await script(vxlan, 'blackhole-route')).toEqual([
      'node.c1.worker1: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4',
      'node.c1.worker1: ip route add blackhole 10.244.2.0/24',
      '--',
      'node.c1.worker1: ip route del blackhole 10.244.2.0/24',
      'node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4',
    ]);
    expect(await script(calico, 'blackhole-route')).toEqual([
      'node.c1.worker1: ip route add blackhole 10.244.0.128/26 metric 1',
      '--',
      'node.c1.worker1: ip route del blackhole 10.244.0.128/26 metric 1',
    ]);
  });

  it('of another network take the half of a range in which the pod is, where the route is held', async () => {
    expect(await script(bare, 'pod-cidr-overlaps-network')).toEqual([
      'node.c1.worker1: ip route add 10.244.2.0/25 dev eth0',
      '--',
      'node.c1.worker1: ip route del 10.244.2.0/25 dev eth0',
    ]);
    expect(await script(calico, 'pod-cidr-overlaps-network')).toContain('node.c1.worker1: ip route add 10.244.0.128/27 dev eth0');
    expect(await script(routed, 'pod-cidr-overlaps-network')).toContain('router.router: ip route add 10.244.2.0/25 dev eth0');
  });

  it('to Services go, where nothing else leads there', async () => {
    expect(await script(served, 'node-lacks-service-route')).toEqual([
      'node.c1.worker1: ip route del 10.96.0.0/16 dev eth0 proto 4',
      '--',
      'node.c1.worker1: ip route replace 10.96.0.0/16 dev eth0 proto 4',
    ]);
    const why = (plan: LabPlan): true | string => faultApplies(faultById('node-lacks-service-route'), plan);
    expect(why(routed)).toMatch(/^worker1 has a default route/);
    expect(why(vxlan)).toBe('no Service of the lab is served by its pods');
  });
});

describe('ranges and addresses', () => {
  it('a bridge gets the gateway of another node, whose route goes', async () => {
    expect(await script(vxlan, 'duplicate-pod-cidr')).toEqual([
      'node.c1.worker1: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4',
      'node.c1.worker1: ip addr add 10.244.2.1/24 dev cni0',
      '--',
      'node.c1.worker1: ip addr del 10.244.2.1/24 dev cni0',
      'node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4',
    ]);
    expect(faultApplies(faultById('duplicate-pod-cidr'), weave)).toBe('all nodes share one range of pods as it is');
    expect(faultApplies(faultById('duplicate-pod-cidr'), calico)).toMatch(/routed one by one/);
  });

  it('two nodes get one address that no segment has, and are known by it', async () => {
    const lines = await script(vxlan, 'wrong-node-address');
    expect(lines.filter((line) => line.startsWith('node.c1.worker2'))).toEqual([
      'node.c1.worker2: ip link add nat0 type bridge',
      'node.c1.worker2: ip addr add 10.0.2.15/32 dev nat0',
      'node.c1.worker2: ip link set nat0 up',
      'node.c1.worker2: bridge fdb replace 02:53:89:4b:c9:80 dev flannel.1 dst 10.0.2.15 self permanent',
      'node.c1.worker2: bridge fdb replace 02:53:89:4b:c9:80 dev flannel.1 dst 172.30.0.3 self permanent',
      'node.c1.worker2: ip link del nat0',
    ]);
    const near = smallPlan({ type: 'flannel' }, { underlay: { cidr: '10.0.2.0/24' } });
    expect(await script(near, 'wrong-node-address')).toContain('node.c1.worker1: ip addr add 10.0.3.15/32 dev nat0');
    expect(await script(six, 'wrong-node-address')).toContain('node.c1.worker1: ip -6 addr add fd00:2::15/128 dev nat0 nodad');
    expect(faultApplies(faultById('wrong-node-address'), bare)).toMatch(/no VXLAN/);
    expect(faultApplies(faultById('wrong-node-address'), weave)).toMatch(/no addresses of their own/);
  });

  it('a pod whose interface went down gets back what the kernel forgot', async () => {
    const [pod] = podsOf(vxlan, 'worker1');
    const netns = pod?.netns ?? '';
    const gateway = { dev: 'eth0', family: 'ipv4', address: '10.244.1.1', mac: '02:00:00:00:00:01', state: 'permanent' } as const;
    const learned = { ...gateway, address: '10.244.1.3', state: 'stale' } as const;
    const second = { dev: 'eth0', family: 'ipv6', address: 'fd00::2', prefixLength: 64 } as const;
    const snapshot = changed(healthySnapshot(vxlan), netns, (one) => ({ neighbours: [gateway, learned], addresses: [...one.addresses, second] }));
    expect(await script(vxlan, 'no-such-pod', snapshot)).toEqual([
      `${netns}: ip link set eth0 down`,
      '--',
      `${netns}: ip link set eth0 up`,
      `${netns}: ip -6 addr replace fd00::2/64 dev eth0 nodad`,
      `${netns}: ip route replace 0.0.0.0/0 via 10.244.1.1 dev eth0 proto 4`,
      `${netns}: ip neigh replace 10.244.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent`,
    ]);
    expect(faultApplies(faultById('no-such-pod'), six)).toMatch(/forgets IPv6 addresses/);
  });
});

describe('neighbours', () => {
  it('the entry for a pod is written on its node, and in a pod of the peer where pods are one segment', async () => {
    expect(await script(vxlan, 'stale-arp')).toEqual([
      'node.c1.worker1: ip neigh replace 10.244.1.2 lladdr 02:00:00:00:00:99 dev cni0 nud permanent',
      '--',
      'node.c1.worker1: ip neigh del 10.244.1.2 dev cni0',
    ]);
    expect((await script(calico, 'stale-arp'))[0]).toMatch(/ neigh replace 10\.244\.0\.65 .* dev cali[0-9a-f]{11} nud permanent$/);
    expect((await script(weave, 'stale-arp')).map((line) => line.split(':')[0])).toEqual([
      'node.c1.worker1',
      'pod.c1.default.echo-worker2',
      '--',
      'node.c1.worker1',
      'pod.c1.default.echo-worker2',
    ]);
  });

  it('a bridge changes its MAC, and its pods keep the old one; entries by hand come back', async () => {
    const old = nodeNamed(vxlan, 'worker1').bridge?.mac ?? '';
    expect(await script(vxlan, 'bridge-mac-churn')).toEqual([
      `pod.c1.default.echo-worker1: ip neigh replace 10.244.1.1 lladdr ${old} dev eth0 nud permanent`,
      `pod.c1.default.echo-2-worker1: ip neigh replace 10.244.1.1 lladdr ${old} dev eth0 nud permanent`,
      'node.c1.worker1: ip link set cni0 address 02:00:00:00:00:99',
      '--',
      `node.c1.worker1: ip link set cni0 address ${old}`,
      'pod.c1.default.echo-worker1: ip neigh del 10.244.1.1 dev eth0',
      'pod.c1.default.echo-2-worker1: ip neigh del 10.244.1.1 dev eth0',
    ]);
    const written = changed(healthySnapshot(permanent), 'node.c1.worker1', (one) => ({
      neighbours: one.neighbours.map((has) => ({ ...has, state: 'permanent' })),
    }));
    const lines = await script(permanent, 'bridge-mac-churn', written);
    const pods = podsOf(vxlan, 'worker1').map(
      (one) => `node.c1.worker1: ip neigh replace ${one.interface.addresses[0]?.address} lladdr ${one.interface.mac} dev cni0 nud permanent`,
    );
    expect(lines.slice(3)).toEqual([...pods, '--', `node.c1.worker1: ip link set cni0 address ${old}`, ...pods]);
    expect(faultApplies(faultById('bridge-mac-churn'), calico)).toMatch(/other end of their cable/);
    expect(faultApplies(faultById('bridge-mac-churn'), weave)).toMatch(/without a gateway/);
  });
});

describe('connection tracking', () => {
  const room = (most: number): Snapshot =>
    changed(healthySnapshot(vxlan), 'node.c1.worker1', (one) => ({ counters: { ...one.counters, ConntrackEntries: 3, ConntrackMax: most } }));

  it('is filled to what the machine allows, and emptied', async () => {
    expect(await script(vxlan, 'conntrack-full', room(4096))).toEqual([
      'node.c1.worker1: nft -f - <<<',
      'node.c1.worker1: conntrack -F',
      'node.c1.worker1: sh -c <program> sh 4096 600',
      '--',
      'node.c1.worker1: conntrack -F',
      'node.c1.worker1: nft delete table inet cnilab_conntrack_full',
    ]);
  });

  it.each([
    [0, 'the kernel tracks no connections there'],
    [4_194_304, 'its table takes 4194304 connections, and more than 524288 take too long to write'],
  ])('of %d entries is refused before anything is done', async (most, why) => {
    await expect(script(vxlan, 'conntrack-full', room(most))).rejects.toMatchObject({
      code: 'FAULT_NOT_APPLICABLE',
      message: `conntrack-full cannot be shown at worker1 of small: ${why}`,
    });
  });
});
