/** Faults of overlays, MTUs, filters and ports: their commands, where they are refused, and what the static inventory makes of their traces. */
import { describe, expect, it } from 'vitest';
import type { EngineSession, NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { diagnose } from '../../verify/diagnosis/diagnose.ts';
import { faultApplies, faultById, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import { flowsOf } from '../../verify/inventory/flow.ts';
import { takeInventory } from '../../verify/inventory/index.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { parseNft } from '../../verify/inventory/nft-text.ts';
import type { Failure } from '../../verify/report.ts';
import { changed, failure, failuresBetween, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';

const TWO_SEGMENTS: Partial<LabSpec> = {
  underlay: {
    segments: [
      { name: 'a', cidr: '10.0.1.0/24' },
      { name: 'b', cidr: '10.0.2.0/24' },
    ],
  },
};
const SPREAD = {
  nodes: [
    { name: 'worker1', segment: 'a' },
    { name: 'worker2', segment: 'b' },
    { name: 'worker3', segment: 'a' },
  ],
};
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } };
const ingress = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'echo' },
  spec: { defaultBackend: { service: { name: 'echo', port: { number: 80 } } } },
};

const vxlan = smallPlan({ type: 'flannel' });
const served = smallPlan({ type: 'flannel' }, {}, { dns: false, objects: [service, ingress] });
const bare = smallPlan({ type: 'bridge' });
const weave = smallPlan({ type: 'weave' });
const crossSubnet = smallPlan({ type: 'calico', encapsulation: 'crossSubnet' }, TWO_SEGMENTS, SPREAD);
const [worker1, worker2] = [nodeNamed(vxlan, 'worker1'), nodeNamed(vxlan, 'worker2')];

/** Commands of a fault and, after `--`, of its undo. `failing`: a command with this word ends with 1, or cannot be started. */
async function script(plan: LabPlan, id: string, failing = '', how: 'fails' | 'throws' = 'fails'): Promise<string> {
  const lines: string[] = [];
  const refuse = (): never => expect.fail('not a part of this test');
  const session: EngineSession = {
    sight: { icmp: true, df: true, kernel: true, clock: true, destination: true },
    probe: refuse,
    checkAttachments: refuse,
    snapshot: async () => healthySnapshot(plan),
    run: async (netns, argv, options) => {
      const line = `${netns}: ${argv.join(' ')}${options?.input === undefined ? '' : ` <<< ${options.input}`}`;
      lines.push(line);
      if (failing === '' || !line.includes(failing)) return { exitCode: 0, stdout: '', stderr: '' };
      if (how === 'throws') throw new Error(`cannot start ${argv[0]}`);
      return { exitCode: 1, stdout: '', stderr: 'not supported' };
    },
    close: async () => {},
  };
  try {
    const undo = await injectFault(session, plan, id);
    lines.push('--');
    await undoFault(session, undo);
  } catch (error) {
    lines.push(String((error as { message?: string }).message));
  }
  return lines.join('\n');
}

const find = (plan: LabPlan, snapshot: Snapshot, failures: readonly Failure[] = []): readonly (readonly [string, readonly string[]])[] => {
  const view = viewLab(plan, snapshot);
  return takeInventory(view, flowsOf(view, failures)).map((finding) => [finding.name, finding.where]);
};
const withRules = (plan: LabPlan, netns: string, rules: Partial<NamespaceSnapshot['rules']>, from = healthySnapshot(plan)): Snapshot =>
  changed(from, netns, (one) => ({ rules: { ...one.rules, ...rules } }));
const filter = (...lines: readonly string[]): string => ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ...lines, 'COMMIT', ''].join('\n');

describe('where they apply', () => {
  it.each([
    ['vxlan-port-blocked', bare, 'there is no VXLAN between the nodes'],
    ['encapsulation-filtered-across-subnets', vxlan, 'no router is between the nodes: they share a subnet'],
    ['vxlan-checksum-offload', bare, 'there is no VXLAN between the nodes'],
    ['path-mtu-smaller', weave, 'pods are bridged over one layer-2 segment: no router on the way tells them'],
    ['overlay-mtu-over-underlay', weave, 'the overlay device is a port of a bridge, and tells pods that their packets are too large'],
    ['overlay-mtu-over-underlay', bare, 'there is no VXLAN between the nodes'],
    ['calico-own-rpf', weave, 'the node itself has no route to the pods of another node that could lead elsewhere'],
    ['closed-port', bare, 'no pod of the lab runs a program that serves a port (an Ingress has one: its controller)'],
  ] as const)('%s not in %#', (id, plan, reason) => {
    expect(faultApplies(faultById(id), plan)).toBe(reason);
  });

  it('the filter between subnets: for the pairs that a router is between', () => {
    expect(faultApplies(faultById('encapsulation-filtered-across-subnets'), crossSubnet)).toBe(true);
    expect(faultApplies(faultById('vxlan-checksum-offload'), served)).toBe(true);
    expect(faultApplies(faultById('closed-port'), served)).toBe(true);
  });

  it('those that only warn say so, and are found as warnings', () => {
    expect(faults.filter((fault) => fault.severity === 'warn').map((fault) => fault.id)).toEqual(['path-mtu-smaller', 'overlay-mtu-over-underlay']);
  });
});

describe('commands', () => {
  it('of filters', async () => {
    expect(await script(vxlan, 'vxlan-port-blocked')).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft -w -t filter -I INPUT 1 -p udp --dport 8472 -j DROP
      --
      node.c1.worker1: iptables-nft -w -t filter -D INPUT -p udp --dport 8472 -j DROP
      node.c1.worker1: conntrack -F"
    `);
    expect(await script(crossSubnet, 'encapsulation-filtered-across-subnets')).toMatch(
      /^(\S+): iptables-nft -w -t filter -I FORWARD 1 -p udp --dport 4789 -j DROP\n--\n\1: iptables-nft -w -t filter -D FORWARD -p udp --dport 4789 -j DROP\n/,
    );
    expect(await script(vxlan, 'iptables-backends-mixed')).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-legacy -w -A FORWARD -d 10.244.1.2 -j DROP
      node.c1.worker1: iptables-nft -w -A FORWARD -s 10.244.1.0/24 -j ACCEPT
      --
      node.c1.worker1: iptables-legacy -w -D FORWARD -d 10.244.1.2 -j DROP
      node.c1.worker1: iptables-nft -w -D FORWARD -s 10.244.1.0/24 -j ACCEPT"
    `);
  });

  it('of a reverse path rule: its own table, and the route that it meets', async () => {
    expect(await script(vxlan, 'calico-own-rpf')).toMatchInlineSnapshot(`
      "node.c1.worker1: nft -f - <<< add table ip cnilab_own_rpf
      add chain ip cnilab_own_rpf prerouting { type filter hook prerouting priority raw; }
      add rule ip cnilab_own_rpf prerouting fib saddr . iif oif 0 counter drop

      node.c1.worker1: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4
      node.c1.worker1: ip route add 10.244.2.0/24 dev cni0
      --
      node.c1.worker1: ip route del 10.244.2.0/24 dev cni0
      node.c1.worker1: ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink proto 4
      node.c1.worker1: nft delete table ip cnilab_own_rpf"
    `);
  });

  it('of MTUs: all nodes, back to what was found, and pods forget what they learned', async () => {
    const lines = (await script(bare, 'path-mtu-smaller')).split('\n');
    expect(lines.filter((line) => line.includes('mtu 1400'))).toHaveLength(3);
    expect(lines.slice(lines.indexOf('--')).filter((line) => line.includes('link set eth0 mtu 1500'))).toHaveLength(3);
    expect(lines.filter((line) => line.startsWith('pod.') && line.endsWith('ip route flush cache'))).toHaveLength(podCount(bare));
    expect((await script(vxlan, 'path-mtu-smaller')).split('\n')[0]).toBe('node.c1.control-plane1: ip link set flannel.1 mtu 1350');
    expect((await script(vxlan, 'overlay-mtu-over-underlay')).split('\n')[0]).toBe('node.c1.control-plane1: ip link set eth0 mtu 1400');
  });

  it('of checksums: the right one first, then the wrong one, and no table stays that was not there', async () => {
    const lines = await script(served, 'vxlan-checksum-offload');
    expect(lines).toMatch(/^node\.c1\.worker1: iptables-nft -w -t mangle -A POSTROUTING -o eth0 -p udp --dport 8472 .* -j CHECKSUM --checksum-fill\n/);
    expect(lines).toContain('oifname "eth0" udp dport 8472 meta mark & 0x100 == 0x100 udp checksum set 0x1234');
    expect(lines.slice(lines.indexOf('\n--\n'))).toBe(
      '\n--\nnode.c1.worker1: nft delete table inet cnilab_bad_checksum\nnode.c1.worker1: nft delete table ip mangle',
    );
  });

  it('of a closed port: the controller ends, and is started as its engine started it', async () => {
    const [stop, , start] = (await script(served, 'closed-port')).split('\n');
    expect(stop).toMatch(/^(pod\.c1\.ingress-nginx\.\S+): sh -c .* sh \/run\/cnilab\/ingress\/\1\.run$/);
    expect(start).toMatch(/setsid .* sh \/run\/cnilab\/ingress\/(\S+)\.run \/run\/cnilab\/ingress\/\1\.log 0050$/);
  });

  it.each([
    ['iptables-backends-mixed', 'iptables-legacy', 'iptables-legacy does not work here'],
    ['calico-own-rpf', 'nft -f -', 'the kernel has no fib expression'],
    ['vxlan-checksum-offload', 'CHECKSUM', 'the kernel has no CHECKSUM target'],
  ] as const)('%s is refused where the machine lacks what it needs, and leaves nothing', async (id, failing, reason) => {
    for (const how of ['fails', 'throws'] as const) {
      const lines = (await script(id === 'vxlan-checksum-offload' ? served : vxlan, id, failing, how)).split('\n');
      expect(lines.at(-1)).toContain(`${id} cannot be shown on this machine: ${reason}`);
    }
  });
});

const podCount = (plan: LabPlan): number => plan.clusters.flatMap((cluster) => cluster.pods).filter((pod) => pod.interface !== null).length;

describe('what they leave behind', () => {
  const silent = failuresBetween(vxlan, 'worker1', 'worker2', 'silent');

  it('a dropped overlay port at the node, or at a router between subnets', () => {
    const drop = filter('[9:540] -A INPUT -p udp -m udp --dport 8472 -j DROP');
    expect(find(vxlan, withRules(vxlan, worker2.netns, { iptables: drop }), silent)).toEqual([['overlay-port-blocked', ['c1/worker2']]]);
    const router = crossSubnet.machines.find((machine) => machine.kind === 'router');
    const between = withRules(crossSubnet, router?.netns ?? '', { iptables: filter('[9:540] -A FORWARD -p udp -m udp --dport 4789 -j DROP') });
    const named = new Set(
      find(crossSubnet, between, failuresBetween(crossSubnet, 'worker1', 'worker2', 'silent')).map(([name, where]) => `${name} ${where.join()}`),
    );
    expect(named).toEqual(new Set([`encapsulation-filtered ${router?.id}`]));
    expect(find(crossSubnet, between, failuresBetween(crossSubnet, 'worker1', 'worker3', 'silent'))).toEqual([]);
  });

  it.each([
    ['iptables', { iptables: '*raw\n:PREROUTING ACCEPT [0:0]\n[9:540] -A PREROUTING -m rpfilter --invert -j DROP\nCOMMIT\n' }],
    [
      'nft',
      {
        nft: 'table ip own {\n\tchain p {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tfib saddr . iif oif 0 counter packets 9 bytes 540 drop\n\t}\n}\n',
      },
    ],
  ])('a reverse path rule of %s, before a packet is sent', (_program, rules) => {
    const range = worker2.podCIDRs[0] ?? '';
    const turned = changed(healthySnapshot(vxlan), worker1.netns, (one) => ({
      routes: one.routes.map((route) => (route.to === range ? { ...route, via: null, dev: 'cni0', onlink: false } : route)),
    }));
    expect(find(vxlan, withRules(vxlan, worker1.netns, rules, turned))).toEqual([['cni-reverse-path-filter-drops', ['c1/worker1']]]);
    expect(find(vxlan, turned)).toEqual([['route-points-elsewhere', ['c1/worker1']]]);
    const [diagnosis] = diagnose({ plan: vxlan, failures: silent, conntrack: [], snapshot: withRules(vxlan, worker1.netns, rules, turned) });
    expect(diagnosis).toMatchObject({ name: 'cni-reverse-path-filter-drops', confidence: 'certain' });
    expect(diagnosis?.evidence.join('\n')).toContain("rp_filter, the kernel's own, is 0 on flannel.1");
  });

  it('nft lists the reverse path test in two ways', () => {
    const matches = ['fib saddr . iif oif missing drop', 'fib saddr . mark . iif oif 0 drop', 'fib daddr type local drop'].map(
      (rule) => parseNft(`table inet t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`, [])[0]?.rules[0]?.matches[0]?.kind,
    );
    expect(matches).toEqual(['reverse-path-fails', 'reverse-path-fails', 'destination-local']);
  });

  it('rules in both backends, before a packet is sent; one alone, and empty tables, are none', () => {
    const legacy = (text: string, nft = filter('[0:0] -A FORWARD -s 10.244.1.0/24 -j ACCEPT')): Snapshot =>
      withRules(vxlan, worker1.netns, { iptables: nft, legacy: { iptables: text, ip6tables: '' } });
    const drop = filter(`[4:240] -A FORWARD -d ${podsOf(vxlan, 'worker1')[0]?.interface.addresses[0]?.address}/32 -j DROP`);
    expect(find(vxlan, legacy(drop))).toEqual([['mixed-iptables-backends', ['c1/worker1']]]);
    expect(find(vxlan, legacy(filter()))).toEqual([]);
    expect(find(vxlan, legacy(drop, ''))).toEqual([]);
    const [diagnosis] = diagnose({ plan: vxlan, failures: failuresBetween(vxlan, 'worker2', 'worker1', 'silent'), conntrack: [], snapshot: legacy(drop) });
    expect(diagnosis).toMatchObject({ name: 'mixed-iptables-backends', severity: 'fail', confidence: 'certain' });
    expect(diagnosis?.evidence[0]).toMatch(/^iptables-legacy filter\/FORWARD on worker1: ".* -j DROP", 4 packets$/);
    expect(diagnosis?.evidence).toContain('worker1 has 1 rule of iptables-nft and 1 rule of iptables-legacy');
    expect(diagnosis?.mend).toMatch(/^cnilab exec small worker1 -- iptables-legacy -t filter -D FORWARD -d \S+ -j DROP$/);
    expect(diagnosis?.ruledOut.map((one) => one.name)).toEqual(['policy-drops', 'forward-policy-drops']);
  });

  it('a device that is narrower than the pods, before a packet is sent: told apart by who is told', () => {
    const narrow = (plan: LabPlan, dev: string, mtu: number): Snapshot =>
      changed(healthySnapshot(plan), nodeNamed(plan, 'worker1').netns, (one) => ({
        links: one.links.map((link) => (link.name === dev ? { ...link, mtu } : link)),
      }));
    const host = smallPlan({ type: 'flannel', backend: 'host-gw' });
    expect(find(host, narrow(host, 'eth0', 1400))).toEqual([['path-mtu-below-pod-mtu', ['c1/worker1']]]);
    expect(find(vxlan, narrow(vxlan, 'flannel.1', 1350))).toEqual([['path-mtu-below-pod-mtu', ['c1/worker1']]]);
    const mute = '*filter\n:OUTPUT ACCEPT [0:0]\n[2:1152] -A OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP\nCOMMIT\n';
    expect(find(vxlan, withRules(vxlan, worker1.netns, { iptables: mute }, narrow(vxlan, 'flannel.1', 1350)))).toEqual([['mtu-blackhole', ['c1/worker1']]]);
    expect(find(weave, narrow(weave, 'vxlan-6784', 1276))).toEqual([['mtu-blackhole', ['c1/worker1']]]);
    const [warned] = diagnose({ plan: host, failures: [], conntrack: [], snapshot: narrow(host, 'eth0', 1400) });
    expect(warned).toMatchObject({ name: 'path-mtu-below-pod-mtu', severity: 'warn', confidence: 'certain' });
    expect(warned?.mend).toBe('cnilab exec small worker1 -- ip link set eth0 mtu 1500');
  });

  it('an overlay that is too wide for its underlay, before a packet is sent: a warning and certain', () => {
    const narrow = changed(healthySnapshot(vxlan), worker1.netns, (one) => ({
      links: one.links.map((link) => (link.name === 'eth0' ? { ...link, mtu: 1400 } : link)),
    }));
    expect(find(vxlan, narrow)).toEqual([['overlay-packets-fragmented', ['c1/worker1']]]);
    const told = failure(vxlan, 'c1/worker1', '', 'finding', { check: 'size-sweep' });
    for (const failures of [[], [told]]) {
      const [diagnosis, ...rest] = diagnose({ plan: vxlan, failures, conntrack: [], snapshot: narrow });
      expect(rest).toEqual([]);
      expect(diagnosis).toMatchObject({ name: 'overlay-packets-fragmented', severity: 'warn', confidence: 'certain', checks: ['size-sweep'] });
      expect(diagnosis?.evidence).toEqual(['flannel.1 on worker1 takes 1450 bytes, 1500 once they are wrapped; eth0 takes 1400, planned: 1500']);
      expect(diagnosis?.mend).toBe('cnilab exec small worker1 -- ip link set eth0 mtu 1500');
    }
  });

  it('bad checksums at the node of the endpoints, while Services are asked in vain: told from loss by the counter', () => {
    const lost = failure(served, podsOf(served, 'worker1')[0]?.id ?? '', 'c1/default/echo', 'silent', {
      check: 'service-cluster-ip',
      serverNode: 'c1/worker1',
      door: { via: 'cluster-ip', address: served.clusters[0]?.services.find((one) => one.name === 'echo')?.clusterIPs[0] ?? '', port: 80 },
    });
    const count = (bad: number): Snapshot =>
      changed(healthySnapshot(served), worker2.netns, (one) => ({ counters: { ...one.counters, UdpInCsumErrors: bad } }));
    const named = (bad: number): readonly string[] =>
      diagnose({ plan: served, failures: [lost], conntrack: [], snapshot: count(3 + bad), countersBefore: count(3) }).map(
        (one) => `${one.name} ${one.where.join()}`,
      );
    expect(named(0).filter((name) => name.startsWith('overlay'))).toEqual([]);
    expect(named(7)).toContain('overlay-checksum-bad c1/worker1,c1/worker2');
  });

  it('a controller that does not listen, before a packet is sent', () => {
    const [controller] = served.clusters[0]?.pods.filter((pod) => pod.namespace === 'ingress-nginx') ?? [];
    const listening = (...sockets: readonly string[]): Snapshot => changed(healthySnapshot(served), controller?.netns ?? '', () => ({ listening: sockets }));
    expect(find(served, listening())).toEqual([['port-not-listening', [controller?.id]]]);
    expect(find(served, listening('0.0.0.0:80', '[::]:80'))).toEqual([]);
  });
});
