/** The fault library as data: where each fault applies, its commands, and what happens when one of them fails. The real kernel: test/integration/faults.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import { runCommand } from '../../engines/run-command.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { diagnosisKinds } from '../../verify/diagnosis/catalogue.ts';
import { faultApplies, faultById, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import { targetsOf } from '../../verify/faults/target.ts';
import { fakeSession } from '../fake-session.ts';
import { healthySnapshot, smallPlan } from './inventory-fixture.ts';

function namesAndPolicies(mode: 'iptables' | 'nftables'): LabPlan {
  return smallPlan(
    { type: 'calico' },
    {},
    {
      kubeProxy: { mode },
      objects: [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } },
        { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: {} } },
      ],
    },
  );
}

const plans: Readonly<Record<string, LabPlan>> = {
  bridge: smallPlan({ type: 'bridge' }),
  'bridge, router': smallPlan({ type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }),
  vxlan: smallPlan({ type: 'flannel' }),
  'host-gw': smallPlan({ type: 'flannel', backend: 'host-gw' }),
  'calico vxlan': smallPlan({ type: 'calico' }),
  'calico BGP': smallPlan({ type: 'calico', encapsulation: 'none' }),
  weave: smallPlan({ type: 'weave' }),
  'one pod a node': smallPlan({ type: 'bridge' }, {}, { workloads: [{ name: 'echo', perNode: 1 }] }),
  'names and policies': namesAndPolicies('iptables'),
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
      "masquerade-pod-to-pod       x x x x x x x x x .
      snat-undone-at-peer         x x x x x x x x x .
      snat-port-only              x x x x x x x x x .
      snat-udp-only               x x x x x x x x x .
      snat-node-to-pod            x x x x x x x x x .
      l4-proxy-redirect           x x x x x x x x x .
      ip-forward-off              x x x x x x . x x .
      forward-policy-drop         x x x x x x x x x .
      forward-route-missing       x x x x x x . x x .
      return-route-missing        x x x x x x . x x .
      blackhole-route             x x x x x x . x x .
      rp-filter-strict-asymmetric x . x x x x . x x .
      calico-own-rpf              x . x x x x . x x .
      bgp-down                    . . . . . x . . . .
      path-mtu-smaller            x x x x x x . x x .
      mtu-blackhole               x x x x x x x x x .
      overlay-mtu-over-underlay   . . x . x . . . x .
      duplicate-pod-ip            x x x x x x x . x .
      duplicate-pod-cidr          x x x x . . . x . .
      pod-cidr-overlaps-network   x x x x x x . x x .
      wrong-node-address          . . x . x . . . x .
      pod-address-not-planned     x x x x x x x x x .
      no-such-pod                 x x x x x x x x x .
      stale-arp                   x x x x x x x x x .
      bridge-mac-churn            x x x x . . . x . .
      attachment-lost             . . . . . . . . . .
      stale-fdb                   . . x . x . x . x .
      wrong-vtep-mac              . . x . x . . . x .
      vni-mismatch                . . x . x . x . x .
      vxlan-port-blocked          . . x . x . x . x .
      encapsulation-filtered-across-subnets. . . . . . . . . .
      vxlan-checksum-offload      . . . . . . . . x .
      iptables-backends-mixed     x x x x x x x x x .
      random-loss                 x x x x x x x x x .
      conntrack-full              x x x x x x x x x .
      hairpin-off                 . . . . . . . . . .
      hairpin-without-masquerade  . . . . . . . . x .
      bridge-nf-call-off          . . . . . . . . . .
      service-rules-missing       . . . . . . . . x .
      stale-endpoint              . . . . . . . . x .
      no-ready-endpoint           . . . . . . . . x .
      stale-udp-conntrack         . . . . . . . . . .
      target-port-wrong           . . . . . . . . x .
      node-port-blocked           . . . . . . . . . .
      affinity-lost               . . . . . . . . . .
      node-lacks-service-route    . . . . . . . . x .
      policy-not-enforced         . . . . . . . . x .
      policy-too-strict           . . . . . . . . x .
      policy-too-wide             . . . . . . . . x .
      policy-drop                 x x x x x x x x x .
      policy-reject               x x x x x x x x x .
      closed-port                 . . . . . . . . . .
      dns-broken                  . . . . . . . . x .
      dns-broken-server           . . . . . . . . x .
      dns-forwarding-loop         . . . . . . . . x .
      search-list-wrong           . . . . . . . . x .
      leftover-conflist           x x x x . . . x . .
      cni-binary-missing          x x x x . . . x . ."
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
    const elsewhere = plan.clusters[0]?.pods.find((pod) => pod.node === 'worker2')?.name ?? '';
    expect(targetsOf(plan, { pod: elsewhere, node: 'worker1' })).toEqual({ targets: [], reason: `${elsewhere} is not on worker1` });
    expect(targetsOf(plan, { pod: elsewhere, node: 'c1/worker2' }).targets).not.toEqual([]);
  });
});

interface Recorded {
  readonly session: EngineSession;
  readonly lines: string[];
}

function record(plan: LabPlan, failing = '', rules: Readonly<Record<string, string>> = {}, nft = '', stderr = 'RTNETLINK answers: no'): Recorded {
  const lines: string[] = [];
  const snapshot: Snapshot = healthySnapshot(plan, rules);
  const session = fakeSession({
    snapshot: async (namespaces) => ({
      ...snapshot,
      namespaces: Object.fromEntries(
        Object.entries(snapshot.namespaces)
          .filter(([netns]) => namespaces.includes(netns))
          .map(([netns, one]) => [netns, { ...one, rules: { ...one.rules, nft } }]),
      ),
    }),
    run: async (netns, argv, options) => {
      const line = `${netns}: ${argv
        .map((word) => (word.includes('\n') ? '<program>' : word))
        .join(' ')
        .replaceAll(process.execPath, 'node')}${options?.input === undefined ? '' : ` <<< ${options.input}`}`;
      lines.push(line);
      return failing !== '' && line.includes(failing) ? { exitCode: 2, stdout: '', stderr } : { exitCode: 0, stdout: '', stderr: '' };
    },
  });
  return { session, lines };
}

async function script(plan: LabPlan, id: string, rules: Readonly<Record<string, string>> = {}, nft = ''): Promise<string> {
  const { session, lines } = record(plan, '', rules, nft);
  const undo = await injectFault(session, plan, id);
  lines.push('--');
  await undoFault(session, undo);
  return lines.join('\n');
}

describe('agents that would mend a node', () => {
  it('are stopped before it is broken, and go on when it is mended', async () => {
    const plan = smallPlan({ type: 'bridge' });
    const { session, lines } = record(plan, '');
    const undo = await injectFault({ ...session, agents: { stop: ['stop'], resume: ['resume'] } }, plan, 'forward-route-missing');
    expect(lines[0]).toBe('node.c1.worker1: stop');
    expect(undo.steps.at(-1)).toEqual({ netns: 'node.c1.worker1', argv: ['resume'], tolerant: true });
  });
});

describe('a proxy that does not run on a node', () => {
  it('is not waited for, once its process has ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-proxy-'));
    let steps = 0;
    const session = fakeSession({
      snapshot: () => Promise.resolve(healthySnapshot(smallPlan({ type: 'bridge' }))),
      run: async (_netns, argv) => {
        // What comes after these two is for a node, not for this machine.
        steps += 1;
        if (steps > 2) return { exitCode: 0, stdout: '', stderr: '' };
        // The program is missing, the file of its process is elsewhere, and nothing listens on port 1.
        const [program = '', ...rest] = argv.map((word) =>
          word === process.execPath ? '/nowhere/node' : word === '15001' ? '1' : word.endsWith('.pid') ? join(folder, 'pid') : word,
        );
        return await runCommand([program, ...rest]);
      },
    });
    const began = performance.now();
    await expect(injectFault(session, smallPlan({ type: 'bridge' }), 'l4-proxy-redirect')).rejects.toMatchObject({
      code: 'FAULT_NOT_APPLICABLE',
      message: expect.stringContaining('the proxy does not run there') as string,
    });
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(steps).toBeGreaterThan(2);
    rmSync(folder, { recursive: true });
  });
});

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
      node.c1.worker1: iptables-nft -w -F FORWARD
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

  it('the table of policies goes as a whole and comes back as it was; a chain of it gets a rule too many', async () => {
    const table =
      'table inet cnilab-policy {\n\tmap ingress.ipv4 {\n\t\ttype ipv4_addr : verdict\n\t\telements = { 10.244.0.65 : jump pod.default.echo.ingress }\n\t}\n\n\tchain pod.default.echo.ingress {\n\t\tcounter packets 1 bytes 60 drop\n\t}\n}\n';
    const lines = await script(namesAndPolicies('nftables'), 'policy-not-enforced', {}, `table ip other {\n}\n${table}table ip last {\n}\n`);
    expect(lines).toBe(
      `node.c1.worker1: nft delete table inet cnilab-policy\n--\nnode.c1.worker1: nft -f - <<< add table inet cnilab-policy\ndelete table inet cnilab-policy\n${table}`,
    );
    expect(await script(namesAndPolicies('nftables'), 'policy-too-wide', {}, table)).toMatch(
      /^node\.c1\.worker1: nft insert rule inet cnilab-policy pod\.default\.echo\.ingress accept\n--\n/,
    );
  });

  it('questions for names are dropped where pods send them, and nothing else', async () => {
    expect(await script(namesAndPolicies('iptables'), 'policy-too-strict')).toMatchInlineSnapshot(`
      "node.c1.worker1: nft -f - <<< table inet too-strict {
        chain egress {
          type filter hook forward priority filter - 6; policy accept;
          ip saddr { 10.244.0.65, 10.244.0.66 } ip daddr { 10.244.0.3 } meta l4proto { tcp, udp } th dport 53 counter drop
        }
      }

      --
      node.c1.worker1: nft delete table inet too-strict"
    `);
  });

  it('the address of the DNS leaves the rules of the proxy alone, and comes back to its place', async () => {
    const saved = [
      '*nat',
      ':KUBE-SERVICES - [0:0]',
      '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A',
      '-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-B',
      '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 9153 -j KUBE-SVC-C',
      'COMMIT',
      '',
    ].join('\n');
    expect(await script(namesAndPolicies('iptables'), 'dns-broken', { worker1: saved })).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft-restore --noflush -w <<< *nat
      :KUBE-SERVICES - [0:0]
      -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A
      -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 9153 -j KUBE-SVC-C
      COMMIT

      node.c1.worker1: conntrack -F
      --
      node.c1.worker1: iptables-nft-restore --noflush -w <<< *nat
      :KUBE-SERVICES - [0:0]
      -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A
      -A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-B
      -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 9153 -j KUBE-SVC-C
      COMMIT

      node.c1.worker1: conntrack -F"
    `);
  });

  it('a server ends and is started as its engine started it; a search list is written into the mounted file', async () => {
    const plan = namesAndPolicies('iptables');
    const [server] = plan.clusters[0]?.pods.filter((pod) => pod.labels['k8s-app'] === 'kube-dns') ?? [];
    const lines = (await script(plan, 'dns-broken-server')).split('\n');
    expect(lines).toHaveLength(3);
    for (const line of [lines[0], lines[2]]) expect(line).toMatch(new RegExp(`^${server?.netns}: sh -c .* /run/cnilab/dns/${server?.netns}\\.run`));
    expect(await script(plan, 'search-list-wrong')).toMatchInlineSnapshot(`
      "pod.c1.default.echo-worker1: sh -c test -f "$1" && { test -f "$1.found" || cp -p "$1" "$1.found"; } && printf %s "$2" > "$1" sh /run/cnilab/resolv/pod.c1.default.echo-worker1.conf <program>
      --
      pod.c1.default.echo-worker1: sh -c test ! -f "$1.found" || { cat "$1.found" > "$1" && rm "$1.found"; } sh /run/cnilab/resolv/pod.c1.default.echo-worker1.conf"
    `);
  });

  it('a server that would forward to itself is run until it ends; undone, it has its own file and is started', async () => {
    const plan = namesAndPolicies('iptables');
    const [server] = plan.clusters[0]?.pods.filter((pod) => pod.labels['k8s-app'] === 'kube-dns') ?? [];
    const file = `/run/cnilab/dns/${server?.netns}/Corefile`;
    const [known, changedFile, stopped, run, line, ended, started] = (await script(plan, 'dns-forwarding-loop')).split('\n');
    expect([known, line]).toEqual([`${server?.netns}: test -f ${file}`, '--']);
    expect(changedFile).toContain('forward . %s');
    expect(stopped).toContain('kill "$pid"');
    expect(run).toMatch(/xargs -0 sh -c 'timeout 20 .*\.log plugin\/loop: Loop$/);
    expect(ended).toContain(`sh ${file} sh -c read -r pid start`);
    expect(started).toContain(`cp -p "$f.planned" "$f" && "$@" && rm "$f.planned" sh ${file} sh -c read -r pid start`);
    // dnsmasq, or a server that another engine runs: refused, and not broken.
    const { session } = record(plan, `test -f ${file}`);
    await expect(injectFault(session, plan, 'dns-forwarding-loop')).rejects.toMatchObject({
      code: 'FAULT_NOT_APPLICABLE',
      message: expect.stringContaining('no CoreDNS'),
    });
  });

  it('a search list that does not name the domain of the cluster is none to break', () => {
    const pod = (searches: readonly string[]): LabPlan =>
      smallPlan(
        { type: 'flannel' },
        {},
        {
          workloads: [],
          objects: ['control-plane1', 'worker1', 'worker2'].map((nodeName) => ({
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: `on-${nodeName}` },
            spec: { nodeName, dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches }, containers: [{ name: 'main', image: 'x' }] },
          })),
        },
      );
    const fault = faultById('search-list-wrong');
    expect(faultApplies(fault, pod(['example.org', 'notcluster.local']))).toMatch(/searches for names in cluster\.local/);
    expect(faultApplies(fault, pod(['example.org', 'svc.cluster.local']))).toBe(true);
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

  it('is undone where somebody mended it by hand, as a diagnosis says', async () => {
    const mended = 'iptables: Bad rule (does a matching rule exist in that chain?).';
    const { session } = record(plan, '-D FORWARD', {}, '', mended);
    await expect(undoFault(session, await injectFault(session, plan, 'policy-drop'))).resolves.toBeUndefined();
    const other = record(plan, '-D FORWARD', {}, '', 'Permission denied').session;
    await expect(undoFault(other, await injectFault(other, plan, 'policy-drop'))).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  });

  it('leaves a plan of its undo that survives JSON', async () => {
    const { session } = record(plan);
    const undo = await injectFault(session, plan, 'vni-mismatch', { node: 'worker2' });
    expect(undo.where).toBe('c1/worker2');
    expect(JSON.parse(JSON.stringify(undo))).toEqual(undo);
  });
});
