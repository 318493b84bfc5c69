/** Failures of Services on hand-made kernel states: which deviation of the proxy's rules, of the bridge or of a filter explains them. */
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { proxiedPorts } from '../../topology/services/proxy/proxied-ports.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { diagnose } from '../../verify/diagnosis/diagnose.ts';
import { readProgrammedPort, readProxyRules } from '../../verify/inventory/proxy-rules.ts';
import type { Diagnosis, Failure } from '../../verify/report.ts';
import { serviceObject } from '../service-object.ts';
import { changed, failure, healthySnapshot, nodeNamed } from './inventory-fixture.ts';

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => serviceObject(name, { selector: { app: 'web' }, ...spec });
const planned = (mode: 'iptables' | 'nftables'): LabPlan =>
  planLab({
    name: 'small',
    hosts: [{ name: 'beside' }],
    clusters: [
      {
        name: 'c1',
        controlPlanes: 1,
        workers: 2,
        cni: { type: 'flannel' },
        dns: false,
        kubeProxy: { mode },
        workloads: [
          { name: 'web', perNode: 1 },
          { name: 'client', perNode: 1 },
        ],
        objects: [service('web', { type: 'NodePort' }), service('sticky', { sessionAffinity: 'ClientIP' })],
      },
    ],
  });
const plan = planned('iptables');
const [cluster] = plan.clusters;
if (cluster === undefined) throw new Error('no cluster');
const worker1 = nodeNamed(plan, 'worker1');
const ports = proxiedPorts(cluster, worker1, 'ipv4');
const portOf = (name: string): (typeof ports)[number] => ports.find((one) => one.service.name === name) ?? expect.fail(name);
const [web, sticky] = [portOf('web'), portOf('sticky')];
const addressOn = (node: string): string => cluster.pods.find((pod) => pod.name === `web-${node}`)?.interface?.addresses[0]?.address ?? expect.fail(node);

/** As the node lists them: each chain's rules with counters, without the jumps. */
const rules = iptablesServiceRules(cluster, worker1, 'ipv4')
  .split('\n')
  .filter((line) => !line.startsWith('-I '))
  .join('\n');
const healthy = changed(healthySnapshot(plan), worker1.netns, (one) => ({ rules: { ...one.rules, iptables: rules } }));
const with1 = (edit: (text: string) => string, more: (one: NamespaceSnapshot) => Partial<NamespaceSnapshot> = () => ({})): Snapshot =>
  changed(healthy, worker1.netns, (one) => ({ rules: { ...one.rules, iptables: edit(rules) }, ...more(one) }));

function failed(check: string, port: typeof web, more: Partial<Failure> = {}): Failure {
  const door = { via: 'cluster-ip', address: port.clusterIP, port: 80 };
  return { ...failure(plan, 'c1/default/client-worker1', '', 'silent'), check, server: port.service.id, serverNode: worker1.id, door, ...more };
}
const explain = (snapshot: Snapshot, ...failures: readonly Failure[]): readonly Diagnosis[] => diagnose({ plan, failures, conntrack: [], snapshot });
const names = (found: readonly Diagnosis[]): readonly string[] => found.map((one) => `${one.name} ${one.confidence} ${one.severity}`);

describe('what the proxy of a node was told', () => {
  it('is nothing to explain failures with where it is as planned', () => {
    expect(explain(healthy, failed('service-cluster-ip', web), failed('service-affinity', sticky), failed('service-hairpin', web))).toEqual([]);
  });

  it('lacks the way in', () => {
    const gone = with1((text) => text.replaceAll(/^-A KUBE-SERVICES .*default\/web cluster IP.*\n/gm, ''));
    const [diagnosis, ...rest] = explain(gone, failed('service-cluster-ip', web));
    expect(rest).toEqual([]);
    expect(diagnosis).toMatchObject({ name: 'service-not-programmed', where: ['c1/worker1'], confidence: 'certain', severity: 'fail' });
    expect(diagnosis?.mend).toMatch(/^cnilab exec small worker1 -- iptables -t nat -I KUBE-SERVICES -d \S+ -p tcp -m tcp --dport 80 -j KUBE-SVC-\w{16}$/);
    const byNode = failed('service-node-port', web, { door: { via: 'node-port', address: '172.30.0.3', port: web.port.nodePort ?? 0 } });
    expect(names(explain(gone, byNode))).toEqual(['service-not-programmed possible warn']);
  });

  it('refuses', () => {
    const refusal = `-A KUBE-SERVICES -d ${web.clusterIP}/32 -p tcp -m comment --comment "default/web has no endpoints" -m tcp --dport 80 -j REJECT`;
    const refusing = with1((text) => text.replaceAll(/^-A KUBE-SERVICES .*default\/web cluster IP.*\n/gm, '').replace('COMMIT', `${refusal}\nCOMMIT`));
    const diagnoses = explain(refusing, failed('service-cluster-ip', web, { class: 'refused' }));
    expect(names(diagnoses)).toEqual(['service-has-no-endpoints certain fail']);
    expect(diagnoses[0]?.mend, 'a second `up` alone changes nothing').toBe('cnilab down small; cnilab up LAB-FILE');
  });

  it('refuses at one door alone, or drops what finds no endpoint on its node', () => {
    const node = web.port.nodePort ?? 0;
    const byNode = failed('service-node-port', web, { door: { via: 'node-port', address: '172.30.0.3', port: node } });
    const rule = (action: string): string =>
      `-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/web has no endpoints" -m addrtype --dst-type LOCAL -m tcp --dport ${node} -j ${action}`;
    const withRule = (action: string): Snapshot => with1((text) => text.replace('COMMIT', `${rule(action)}\nCOMMIT`));
    expect(names(explain(withRule('REJECT'), byNode))).toEqual(['service-has-no-endpoints certain fail']);
    expect(names(explain(withRule('REJECT'), failed('service-cluster-ip', web)))).toEqual(['service-has-no-endpoints possible warn']);
    expect(explain(withRule('DROP'), byNode)).toEqual([]);
    const both = with1((text) => text.replace('COMMIT', `${rule('DROP')}\nCOMMIT`).replaceAll(/^-A KUBE-SERVICES .*default\/web cluster IP.*\n/gm, ''));
    expect(names(explain(both, failed('service-cluster-ip', web)))).toEqual(['service-not-programmed certain fail']);
  });

  it('leads to nobody, or to another port', () => {
    const [there, gone] = [addressOn('worker2'), '10.244.2.99'];
    const stale = with1((text) => text.replaceAll(there, gone));
    expect(names(explain(stale, failed('service-cluster-ip', web)))).toEqual(['endpoint-is-dead certain fail']);
    const closed = with1((text) => text.replaceAll(`--to-destination ${there}:8080`, `--to-destination ${there}:8081`));
    const [diagnosis, ...rest] = explain(closed, failed('service-cluster-ip', web, { class: 'refused' }));
    expect(rest).toEqual([]);
    expect(diagnosis).toMatchObject({
      name: 'endpoint-port-closed',
      evidence: expect.arrayContaining([`default/web leads to ${there}:8081; the endpoint serves port 8080`]),
    });
    expect(diagnosis?.mend).toContain(`--to-destination ${there}:8080`);
  });

  it('does not masquerade what a pod asks itself', () => {
    const bare = with1((text) => text.replaceAll(new RegExp(`^-A KUBE-SEP-\\S+ .*-s ${addressOn('worker1')} -j KUBE-MARK-MASQ\\n`, 'gm'), ''));
    const own = failed('service-hairpin', web, { client: 'c1/default/web-worker1' });
    expect(names(explain(bare, own))).toEqual(['hairpin-not-masqueraded certain fail']);
    expect(names(explain(bare, failed('service-cluster-ip', web)))).toEqual(['hairpin-not-masqueraded possible warn']);
  });

  it('forgets its clients', () => {
    const lost = with1((text) => text.replaceAll(/^.*--rcheck.*\n/gm, ''));
    const [diagnosis, ...rest] = explain(lost, failed('service-affinity', sticky, { class: 'finding' }));
    expect(rest).toEqual([]);
    expect(diagnosis).toMatchObject({ name: 'session-affinity-broken', severity: 'fail' });
    expect(diagnosis?.mend).toMatch(/-m recent --name (KUBE-SEP-\w{16}) --rcheck --seconds 10800 --reap -j \1/);
  });
});

describe('what is beside the proxy', () => {
  const pods = (one: NamespaceSnapshot, hairpin: boolean): NamespaceSnapshot['links'] =>
    one.links.map((link) => (link.master === worker1.bridge?.name && link.kind === 'veth' ? { ...link, hairpin } : link));

  it('a bridge that sends nothing back', () => {
    const own = failed('service-hairpin', web, { client: 'c1/default/web-worker1' });
    const off = with1(String, (one) => ({ links: pods(one, false) }));
    const [diagnosis] = explain(off, own);
    expect(names(explain(off, own))).toEqual(['hairpin-disabled certain fail']);
    expect(diagnosis?.ruledOut.map((one) => one.name)).toContain('hairpin-not-masqueraded');
    expect(diagnosis?.mend).toMatch(/^cnilab exec small worker1 -- bridge link set dev \S+ hairpin on/);
    expect(explain(off, failed('service-cluster-ip', web))).toEqual([]);
    expect(
      explain(
        with1(String, (one) => ({ links: pods(one, true) })),
        own,
      ),
    ).toEqual([]);
  });

  it('bridged replies that nobody translates back', () => {
    const off = with1(String, (one) => ({ sysctls: { ...one.sysctls, 'net/bridge/bridge-nf-call-iptables': '0' } }));
    expect(names(explain(off, failed('service-cluster-ip', web)))).toEqual(['bridged-replies-bypass-nat certain fail']);
    expect(explain(off, failed('service-from-node', web, { client: 'c1/worker1', clientNode: 'c1/worker1' }))).toEqual([]);
  });

  it('a filter before a node port, for pods of other nodes and for hosts', () => {
    const nodePort = web.port.nodePort ?? 0;
    const filter = `*raw\n:PREROUTING ACCEPT [0:0]\n[7:420] -A PREROUTING -i eth0 -p tcp -m tcp --dport ${nodePort} -j DROP\nCOMMIT\n`;
    const blocked = with1((text) => `${filter}${text}`);
    const door = { via: 'node-port', address: worker1.interfaces[0]?.addresses[0]?.address ?? '', port: nodePort };
    const asked = failed('service-node-port', web, { client: 'c1/default/client-worker2', clientNode: 'c1/worker2', door });
    const [diagnosis, ...rest] = explain(blocked, asked);
    expect(rest).toEqual([]);
    expect(diagnosis).toMatchObject({
      name: 'node-port-filtered',
      confidence: 'certain',
      mend: `cnilab exec small worker1 -- iptables -t raw -D PREROUTING -i eth0 -p tcp -m tcp --dport ${nodePort} -j DROP`,
    });
    expect(names(explain(blocked, { ...asked, client: plan.machines[0]?.id ?? '', clientNode: '' }))).toEqual(['node-port-filtered certain fail']);
    expect(explain(healthy, asked)).toEqual([]);
  });

  it('a flow that is remembered with an endpoint that is gone', () => {
    const tuple = (source: string, sourcePort: number, destination: string, destinationPort: number): Failure['conntrack'][number]['original'] => ({
      source,
      sourcePort,
      destination,
      destinationPort,
    });
    const entry = (answers: string): Failure['conntrack'][number] => ({
      netns: worker1.netns,
      protocol: 'udp',
      original: tuple('10.244.1.3', 40_053, web.clusterIP, 80),
      reply: tuple(answers, 8080, '10.244.1.3', 40_053),
      replied: false,
    });
    const [diagnosis] = explain(healthy, failed('service-udp-reuse', web, { protocol: 'udp', conntrack: [entry('10.244.2.99')] }));
    expect(diagnosis).toMatchObject({
      name: 'stale-conntrack-entry',
      mend: `cnilab exec small worker1 -- conntrack -D -p udp -s 10.244.1.3 -d ${web.clusterIP} --sport 40053`,
    });
    expect(explain(healthy, failed('service-udp-reuse', web, { protocol: 'udp', conntrack: [entry(addressOn('worker2'))] }))).toEqual([]);
  });
});

describe('rules of mode nftables', () => {
  const listing = (elements: string): string => `table ip kube-proxy {
	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
		elements = { ${elements} }
	}

	map no-endpoint-services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { ${web.clusterIP} . tcp . 81 comment "default/other" : goto reject-chain,
			     ${web.clusterIP} . tcp . 82 : drop }
	}

	chain service-AAAAAAAA-default/web/tcp/ {
		ip daddr ${web.clusterIP} ip saddr != 10.244.0.0/16 jump mark-for-masquerade
		ip saddr @affinity-BBBBBBBB-default/web/tcp/__10.244.1.2/8080 goto endpoint-BBBBBBBB-default/web/tcp/__10.244.1.2/8080
		numgen random mod 2 vmap { 0 : goto endpoint-BBBBBBBB-default/web/tcp/__10.244.1.2/8080, 1 : goto endpoint-CCCCCCCC-default/web/tcp/__10.244.2.2/8080 }
	}

	chain endpoint-BBBBBBBB-default/web/tcp/__10.244.1.2/8080 {
		ip saddr 10.244.1.2 jump mark-for-masquerade
		update @affinity-BBBBBBBB-default/web/tcp/__10.244.1.2/8080 { ip saddr }
		meta l4proto tcp dnat to 10.244.1.2:8080
	}

	chain endpoint-CCCCCCCC-default/web/tcp/__10.244.2.2/8080 {
		meta l4proto tcp dnat to 10.244.2.2:8080
	}
}
`;
  const read = (elements: string): ReturnType<typeof readProgrammedPort> => {
    const namespace = healthy.namespaces[worker1.netns] ?? expect.fail('no node');
    const found = readProxyRules({ ...namespace, rules: { ...namespace.rules, nft: listing(elements) } }, 'nftables', 'ipv4');
    return readProgrammedPort(found ?? expect.fail('no rules'), web);
  };

  it('are read by the elements of maps and the chains behind them', () => {
    const found = read(`10.96.0.1 . tcp . 443 : goto service-X,\n\t\t\t     ${web.clusterIP} . tcp . 80 : goto service-AAAAAAAA-default/web/tcp/`);
    expect(found.clusterIP).toMatchObject({ place: 'service-ips', chain: 'service-AAAAAAAA-default/web/tcp/' });
    expect([found.nodePort, found.refusals]).toEqual([null, { clusterIP: null, nodePort: null }]);
    expect(found.endpoints.map(({ address, port, masquerades, remembers, recalled }) => [address, port, masquerades, remembers, recalled])).toEqual([
      ['10.244.1.2', 8080, true, true, true],
      ['10.244.2.2', 8080, false, false, false],
    ]);
  });

  it('refuse by reject alone', () => {
    const namespace = healthy.namespaces[worker1.netns] ?? expect.fail('no node');
    const found = readProxyRules({ ...namespace, rules: { ...namespace.rules, nft: listing('') } }, 'nftables', 'ipv4') ?? expect.fail('no rules');
    const refusal = (port: number): string | undefined => readProgrammedPort(found, { ...web, port: { ...web.port, port } }).refusals.clusterIP?.chain;
    expect([80, 81, 82].map(refusal)).toEqual([undefined, 'reject-chain', undefined]);
  });

  it('have no way in without an element', () => {
    expect(read('10.96.0.1 . tcp . 443 : goto service-X')).toMatchObject({ clusterIP: null, endpoints: [] });
  });
});
