/** The fault library as data: where each fault applies, its commands, and what happens when one of them fails. The real kernel: test/integration/faults.test.ts. */
import { describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { diagnosisKinds } from '../../verify/diagnosis/catalogue.ts';
import { faultApplies, faultById, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import { targetsOf } from '../../verify/faults/target.ts';
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
      rp-filter-strict-asymmetric x . x x x x . x x .
      bgp-down                    . . . . . x . . . .
      mtu-blackhole               x x x x x x x x x .
      duplicate-pod-ip            x x x x x x x . x .
      pod-address-not-planned     x x x x x x x x x .
      stale-fdb                   . . x . x . x . x .
      wrong-vtep-mac              . . x . x . . . x .
      vni-mismatch                . . x . x . x . x .
      random-loss                 x x x x x x x x x .
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
      policy-not-enforced         . . . . . . . . x .
      policy-too-strict           . . . . . . . . x .
      policy-too-wide             . . . . . . . . x .
      policy-drop                 x x x x x x x x x .
      policy-reject               x x x x x x x x x .
      dns-broken                  . . . . . . . . x .
      dns-broken-server           . . . . . . . . x .
      search-list-wrong           . . . . . . . . x ."
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

function record(plan: LabPlan, failing = '', rules: Readonly<Record<string, string>> = {}, nft = ''): Recorded {
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
      return failing !== '' && line.includes(failing) ? { exitCode: 2, stdout: '', stderr: 'RTNETLINK answers: no' } : { exitCode: 0, stdout: '', stderr: '' };
    },
    close: async () => {},
  };
  return { session, lines };
}

async function script(plan: LabPlan, id: string, rules: Readonly<Record<string, string>> = {}, nft = ''): Promise<string> {
  const { session, lines } = record(plan, '', rules, nft);
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

  it('leaves a plan of its undo that survives JSON', async () => {
    const { session } = record(plan);
    const undo = await injectFault(session, plan, 'vni-mismatch', { node: 'worker2' });
    expect(undo.where).toBe('c1/worker2');
    expect(JSON.parse(JSON.stringify(undo))).toEqual(undo);
  });
});
