/** The fault library as data: where each fault applies, its commands, and what happens when one of them fails. The real kernel: test/integration/faults.test.ts. */
import { describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { diagnosisKinds } from '../../verify/diagnosis/catalogue.ts';
import { faultApplies, faultById, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import { targetsOf } from '../../verify/faults/target.ts';
import { healthySnapshot, smallPlan } from './inventory-fixture.ts';

const plans: Readonly<Record<string, LabPlan>> = {
  bridge: smallPlan({ type: 'bridge' }),
  'bridge, router': smallPlan({ type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }),
  vxlan: smallPlan({ type: 'flannel' }),
  'host-gw': smallPlan({ type: 'flannel', backend: 'host-gw' }),
  'calico vxlan': smallPlan({ type: 'calico' }),
  'calico BGP': smallPlan({ type: 'calico', encapsulation: 'none' }),
  weave: smallPlan({ type: 'weave' }),
  'one pod a node': smallPlan({ type: 'bridge' }, {}, { workloads: [{ name: 'echo', perNode: 1 }] }),
  'one node': smallPlan({ type: 'bridge' }, {}, { controlPlanes: 1, workers: 0 }),
};

describe('the library', () => {
  it('has ids, and diagnoses that the catalogue knows', () => {
    expect(new Set(faults.map((fault) => fault.id)).size).toBe(faults.length);
    for (const fault of faults) {
      expect(fault.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(Object.keys(diagnosisKinds)).toContain(fault.diagnosis);
    }
  });

  it('applies where the data path can show it, and says why not elsewhere', () => {
    const rows = faults.map(
      (fault) =>
        `${fault.id.padEnd(28)}${Object.values(plans)
          .map((plan) => (faultApplies(fault, plan) === true ? 'x' : '.'))
          .join(' ')}`,
    );
    expect(rows.join('\n')).toMatchInlineSnapshot(`
      "masquerade-pod-to-pod       x x x x x x x x .
      snat-undone-at-peer         x x x x x x x x .
      snat-port-only              x x x x x x x x .
      snat-udp-only               x x x x x x x x .
      snat-node-to-pod            x x x x x x x x .
      l4-proxy-redirect           x x x x x x x x .
      ip-forward-off              x x x x x x . x .
      forward-policy-drop         x x x x x x x x .
      forward-route-missing       x x x x x x . x .
      return-route-missing        x x x x x x . x .
      rp-filter-strict-asymmetric x . x x x x . x .
      bgp-down                    . . . . . x . . .
      mtu-blackhole               x x x x x x x x .
      duplicate-pod-ip            x x x x x x x . .
      pod-address-not-planned     x x x x x x x x .
      stale-fdb                   . . x . x . x . .
      wrong-vtep-mac              . . x . x . . . .
      vni-mismatch                . . x . x . x . .
      random-loss                 x x x x x x x x ."
    `);
    for (const fault of faults) {
      for (const plan of Object.values(plans)) {
        const applies = faultApplies(fault, plan);
        if (applies !== true) expect(applies).toMatch(/\w+ \w+/);
      }
    }
  });

  it('names the known ids when one is unknown', () => {
    expect(() => faultById('gremlins')).toThrow(LabError);
    try {
      faultById('gremlins');
    } catch (error) {
      expect(error).toMatchObject({ code: 'FAULT_UNKNOWN', hint: expect.stringContaining('ip-forward-off') });
    }
  });
});

describe('targets', () => {
  const plan = smallPlan({ type: 'bridge' });
  it('are workers first', () => {
    expect(targetsOf(plan).targets.map((target) => `${target.node.name}>${target.peer.name}`)).toEqual([
      'worker1>worker2',
      'worker1>control-plane1',
      'worker2>worker1',
      'worker2>control-plane1',
      'control-plane1>worker1',
      'control-plane1>worker2',
    ]);
  });

  it.each([['worker2'], ['c1/worker2']])('are at the node asked for: %s', (node) => {
    expect(new Set(targetsOf(plan, { node }).targets.map((target) => target.node.id))).toEqual(new Set(['c1/worker2']));
  });

  it('are at the pod asked for, whose node follows', () => {
    const pod = plan.clusters[0]?.pods.find((one) => one.node === 'worker2');
    const [target] = targetsOf(plan, { pod: pod?.name ?? '' }).targets;
    expect([target?.pod.id, target?.node.name]).toEqual([pod?.id, 'worker2']);
    expect(targetsOf(plan, { pod: 'nobody' })).toEqual({ targets: [], reason: 'no pod of nobody has a pod on another node to talk to' });
  });
});

interface Recorded {
  readonly session: EngineSession;
  readonly lines: string[];
}

function record(plan: LabPlan, failing = '', rules: Readonly<Record<string, string>> = {}): Recorded {
  const lines: string[] = [];
  const snapshot: Snapshot = healthySnapshot(plan, rules);
  const refuse = (): never => {
    throw new Error('not a part of this test');
  };
  const session: EngineSession = {
    sight: { icmp: true, df: true, kernel: true, clock: true, destination: true },
    probe: refuse,
    checkAttachments: refuse,
    snapshot: async (namespaces) => ({
      ...snapshot,
      namespaces: Object.fromEntries(Object.entries(snapshot.namespaces).filter(([netns]) => namespaces.includes(netns))),
    }),
    run: async (netns, argv, options) => {
      const line = `${netns}: ${argv
        .map((word) => (word.includes('\n') ? '<program>' : word))
        .join(' ')
        .replaceAll(process.execPath, 'node')}${options?.input === undefined ? '' : ` <<< ${options.input}`}`;
      lines.push(line);
      return failing !== '' && line.includes(failing) ? { exitCode: 2, stdout: '', stderr: 'RTNETLINK answers: no' } : { exitCode: 0, stdout: '', stderr: '' };
    },
    close: async () => {},
  };
  return { session, lines };
}

async function script(plan: LabPlan, id: string, rules: Readonly<Record<string, string>> = {}): Promise<string> {
  const { session, lines } = record(plan, '', rules);
  const undo = await injectFault(session, plan, id);
  lines.push('--');
  await undoFault(session, undo);
  return lines.join('\n');
}

describe('scripts', () => {
  const vxlan = smallPlan({ type: 'flannel' });
  const calico = smallPlan({ type: 'calico', encapsulation: 'none' });
  const weave = smallPlan({ type: 'weave' });

  it('masquerade before all rules', async () => {
    expect(await script(vxlan, 'masquerade-pod-to-pod')).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft -w -t nat -I POSTROUTING 1 -s 10.244.1.0/24 ! -d 10.244.1.0/24 -j MASQUERADE
      --
      node.c1.worker1: iptables-nft -w -t nat -D POSTROUTING -s 10.244.1.0/24 ! -d 10.244.1.0/24 -j MASQUERADE
      node.c1.worker1: conntrack -F"
    `);
  });

  it('the SNAT that the peer undoes has an address of its own', async () => {
    expect(await script(vxlan, 'snat-undone-at-peer')).toMatchInlineSnapshot(`
      "node.c1.worker1: ip addr add 172.30.0.192/32 dev eth0
      node.c1.worker1: iptables-nft -w -t nat -I POSTROUTING 1 -s 10.244.1.2 -d 10.244.2.0/24 -j SNAT --to-source 172.30.0.192
      node.c1.worker2: iptables-nft -w -t nat -I POSTROUTING 1 -s 172.30.0.192 -d 10.244.2.0/24 -j SNAT --to-source 10.244.1.2
      --
      node.c1.worker1: iptables-nft -w -t nat -D POSTROUTING -s 10.244.1.2 -d 10.244.2.0/24 -j SNAT --to-source 172.30.0.192
      node.c1.worker1: conntrack -F
      node.c1.worker2: iptables-nft -w -t nat -D POSTROUTING -s 172.30.0.192 -d 10.244.2.0/24 -j SNAT --to-source 10.244.1.2
      node.c1.worker2: conntrack -F
      node.c1.worker1: ip addr del 172.30.0.192/32 dev eth0"
    `);
    expect(await script(weave, 'snat-undone-at-peer')).toMatch(/ip addr add 10\.244\.\d+\.\d+\/32 dev weave/);
  });

  it('routes come back as they were found, with protocol and metric', async () => {
    expect(await script(vxlan, 'forward-route-missing')).toMatchInlineSnapshot(`
      "node.c1.worker1: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4
      --
      node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4"
    `);
  });

  it('routes of BGP are taken away by BIRD, which would put them back otherwise', async () => {
    expect(await script(calico, 'forward-route-missing')).toMatchInlineSnapshot(`
      "node.c1.worker1: node -e <program> -- /run/cnilab/bird/node.c1.worker1.ctl disable kernel1
      node.c1.worker1: sh -c for range; do i=0; until ip -4 route show exact "$range" | { ! grep -q .; }; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not absent" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.128/26
      --
      node.c1.worker1: node -e <program> -- /run/cnilab/bird/node.c1.worker1.ctl enable kernel1
      node.c1.worker1: sh -c for range; do i=0; until ip -4 route show exact "$range" | grep -q .; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not present" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.128/26"
    `);
    expect(await script(calico, 'bgp-down')).toMatchInlineSnapshot(`
      "node.c1.worker1: node -e <program> -- /run/cnilab/bird/node.c1.worker1.ctl disable Mesh_172_30_0_4
      node.c1.worker1: sh -c for range; do i=0; until ip -4 route show exact "$range" | { ! grep -q .; }; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not absent" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.128/26
      node.c1.worker2: sh -c for range; do i=0; until ip -4 route show exact "$range" | { ! grep -q .; }; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not absent" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.64/26
      --
      node.c1.worker1: node -e <program> -- /run/cnilab/bird/node.c1.worker1.ctl enable Mesh_172_30_0_4
      node.c1.worker1: sh -c for range; do i=0; until ip -4 route show exact "$range" | grep -q .; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not present" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.128/26
      node.c1.worker2: sh -c for range; do i=0; until ip -4 route show exact "$range" | grep -q .; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not present" >&2; exit 1; }; sleep 0.03; done; done sh 10.244.0.64/26"
    `);
  });

  it('the asymmetric route leaves by a pod side', async () => {
    expect(await script(vxlan, 'rp-filter-strict-asymmetric')).toMatchInlineSnapshot(`
      "node.c1.worker1: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4
      node.c1.worker1: ip route add 10.244.2.0/24 dev cni0
      node.c1.worker1: sysctl -qw net.ipv4.conf.all.rp_filter=1
      --
      node.c1.worker1: sysctl -qw net.ipv4.conf.all.rp_filter=0
      node.c1.worker1: ip route del 10.244.2.0/24 dev cni0
      node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4"
    `);
    expect(await script(calico, 'rp-filter-strict-asymmetric')).toMatch(/ip route add \S+ dev cali[0-9a-f]{11}\n/);
  });

  it('FORWARD gets its policy and its rules back', async () => {
    const saved =
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [7:420]\n:FLANNEL-FWD - [0:0]\n[7:420] -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD\n[0:0] -A FLANNEL-FWD -s 10.244.0.0/16 -j ACCEPT\nCOMMIT\n';
    expect(await script(vxlan, 'forward-policy-drop', { worker1: saved })).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft -w -P FORWARD DROP
      node.c1.worker1: iptables-nft -w -F FORWARD
      --
      node.c1.worker1: iptables-nft-restore --noflush -w <<< *filter
      :FORWARD ACCEPT [0:0]
      -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
      COMMIT
      "
    `);
  });

  it('a duplicate address wins by a neighbour entry, or by a host route', async () => {
    expect(await script(vxlan, 'duplicate-pod-ip')).toMatchInlineSnapshot(`
      "pod.c1.default.echo-worker1: ip addr add 10.244.1.3/24 dev eth0
      node.c1.worker1: ip neigh replace 10.244.1.3 lladdr 02:26:f3:b1:e1:e8 dev cni0 nud reachable
      --
      pod.c1.default.echo-worker1: ip addr del 10.244.1.3/24 dev eth0
      node.c1.worker1: ip neigh del 10.244.1.3 dev cni0
      pod.c1.default.echo-worker1: ip neigh flush to 10.244.1.3
      pod.c1.default.echo-2-worker1: ip neigh flush to 10.244.1.3"
    `);
    expect(await script(calico, 'duplicate-pod-ip')).toMatchInlineSnapshot(`
      "pod.c1.default.echo-worker1: ip addr add 10.244.0.66/32 dev eth0
      node.c1.worker1: ip route del 10.244.0.66/32 dev cali3f52312c36e proto 3
      node.c1.worker1: ip route add 10.244.0.66/32 dev cali9a628fc21e9
      --
      pod.c1.default.echo-worker1: ip addr del 10.244.0.66/32 dev eth0
      node.c1.worker1: ip route del 10.244.0.66/32 dev cali9a628fc21e9
      node.c1.worker1: ip route add 10.244.0.66/32 dev cali3f52312c36e proto 3
      node.c1.worker1: ip neigh flush to 10.244.0.66"
    `);
  });

  it('a VXLAN device is made anew with all that hangs on it', async () => {
    expect(await script(vxlan, 'vni-mismatch')).toMatchInlineSnapshot(`
      "node.c1.worker1: ip link del flannel.1
      node.c1.worker1: ip link add flannel.1 address 02:53:89:4b:c9:80 mtu 1450 type vxlan id 2 dstport 8472 local 172.30.0.3 dev eth0 nolearning
      node.c1.worker1: ip addr add 10.244.1.0/32 dev flannel.1
      node.c1.worker1: ip link set flannel.1 up
      node.c1.worker1: ip neigh replace 10.244.0.0 lladdr 02:cb:6c:67:3a:44 dev flannel.1 nud permanent
      node.c1.worker1: bridge fdb replace 02:cb:6c:67:3a:44 dev flannel.1 dst 172.30.0.2 self permanent
      node.c1.worker1: ip neigh replace 10.244.2.0 lladdr 02:12:bb:2e:e5:da dev flannel.1 nud permanent
      node.c1.worker1: bridge fdb replace 02:12:bb:2e:e5:da dev flannel.1 dst 172.30.0.4 self permanent
      node.c1.worker1: ip route replace 10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink proto 4
      node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4
      --
      node.c1.worker1: ip link del flannel.1
      node.c1.worker1: ip link add flannel.1 address 02:53:89:4b:c9:80 mtu 1450 type vxlan id 1 dstport 8472 local 172.30.0.3 dev eth0 nolearning
      node.c1.worker1: ip addr add 10.244.1.0/32 dev flannel.1
      node.c1.worker1: ip link set flannel.1 up
      node.c1.worker1: ip neigh replace 10.244.0.0 lladdr 02:cb:6c:67:3a:44 dev flannel.1 nud permanent
      node.c1.worker1: bridge fdb replace 02:cb:6c:67:3a:44 dev flannel.1 dst 172.30.0.2 self permanent
      node.c1.worker1: ip neigh replace 10.244.2.0 lladdr 02:12:bb:2e:e5:da dev flannel.1 nud permanent
      node.c1.worker1: bridge fdb replace 02:12:bb:2e:e5:da dev flannel.1 dst 172.30.0.4 self permanent
      node.c1.worker1: ip route replace 10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink proto 4
      node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4"
    `);
  });

  it('what a learning overlay would mend is written permanently', async () => {
    expect(await script(weave, 'stale-fdb')).toMatchInlineSnapshot(`
      "node.c1.worker1: bridge fdb replace 02:44:ff:65:39:36 dev vxlan-6784 dst 172.30.0.192 self permanent
      --
      node.c1.worker1: bridge fdb del 02:44:ff:65:39:36 dev vxlan-6784 dst 172.30.0.192 self"
    `);
  });
});

describe('injection', () => {
  const plan = smallPlan({ type: 'flannel' });

  it('is refused with the reason where it does not apply', async () => {
    const weave = smallPlan({ type: 'weave' });
    await expect(injectFault(record(weave).session, weave, 'ip-forward-off')).rejects.toMatchObject({
      code: 'FAULT_NOT_APPLICABLE',
      message: 'ip-forward-off cannot be shown in small: pods are bridged over one layer-2 segment: no node forwards their packets',
    });
  });

  it('that fails half-way is undone', async () => {
    const { session, lines } = record(plan, 'iptables-nft -w -t nat -I POSTROUTING 1 -s 172.30');
    await expect(injectFault(session, plan, 'snat-undone-at-peer')).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('RTNETLINK answers: no'),
    });
    expect(lines.at(-1)).toMatch(/ip addr del 172\.30\.\S+ dev eth0$/);
  });

  it('is undone as far as possible when one step of the undo fails', async () => {
    const { session, lines } = record(plan, '-D POSTROUTING');
    const undo = await injectFault(session, plan, 'snat-undone-at-peer');
    await expect(undoFault(session, undo)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect(lines.at(-1)).toMatch(/ip addr del/);
  });

  it('leaves a plan of its undo that survives JSON', async () => {
    const { session } = record(plan);
    const undo = await injectFault(session, plan, 'vni-mismatch', { node: 'worker2' });
    expect(undo.where).toBe('c1/worker2');
    expect(JSON.parse(JSON.stringify(undo))).toEqual(undo);
  });
});
