/** Commands of the faults of Services, from the rules that a node lists. The real kernel: test/integration/service-faults.test.ts. */
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import type { KubernetesObject, ProxyMode } from '../../topology/spec.ts';
import { faultApplies, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import { fakeSession } from '../fake-session.ts';
import { serviceObject } from '../service-object.ts';
import { healthySnapshot } from './inventory-fixture.ts';

const service = (spec: Readonly<Record<string, unknown>>): KubernetesObject => serviceObject('web', spec);
const planned = (mode: ProxyMode, ...objects: readonly KubernetesObject[]): LabPlan =>
  planLab({
    name: 'small',
    clusters: [{ name: 'c1', workers: 2, cni: { type: 'flannel' }, dns: false, kubeProxy: { mode }, workloads: [{ name: 'web', perNode: 1 }], objects }],
  });
const shared = service({ type: 'NodePort', clusterIP: '10.96.0.80', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] });

const applies = (plan: LabPlan): readonly string[] =>
  faults.filter((fault) => fault.layer === 'service' && faultApplies(fault, plan) === true).map((fault) => fault.id);

describe('faults of Services', () => {
  it('apply where a Service of the lab can show them', () => {
    expect(applies(planned('iptables'))).toEqual([]);
    expect(applies(planned('none', shared))).toEqual([]);
    expect(applies(planned('nftables', shared))).toEqual([
      'hairpin-off',
      'hairpin-without-masquerade',
      'service-rules-missing',
      'stale-endpoint',
      'no-ready-endpoint',
      'target-port-wrong',
      'node-port-blocked',
      'node-lacks-service-route',
    ]);
    expect(applies(planned('nftables', service({ externalIPs: ['172.30.0.200'] })))).not.toContain('no-ready-endpoint');
    expect(applies(planned('iptables', service({ sessionAffinity: 'ClientIP' })))).toContain('affinity-lost');
    expect(applies(planned('iptables', service({ ports: [{ port: 53, protocol: 'UDP' }] })))).toContain('stale-udp-conntrack');
  });
});

/** Rules as a node lists them. */
function listed(plan: LabPlan): Snapshot {
  const [cluster] = plan.clusters;
  const rules = (cluster?.nodes ?? []).map((node) => {
    const lines = cluster === undefined ? [] : iptablesServiceRules(cluster, node, 'ipv4').split('\n');
    return [node.name, lines.filter((line) => !line.startsWith('-I ')).join('\n')] as const;
  });
  return healthySnapshot(plan, Object.fromEntries(rules));
}

async function script(plan: LabPlan, id: string): Promise<string> {
  const lines: string[] = [];
  const session = fakeSession({
    snapshot: async () => listed(plan),
    run: async (netns, argv, options) => {
      lines.push(`${netns}: ${argv.join(' ')}${options?.input === undefined ? '' : `\n${options.input}`}`);
      return { exitCode: 0, stdout: '', stderr: '' };
    },
  });
  const undo = await injectFault(session, plan, id, { node: 'worker1' });
  lines.push('--');
  await undoFault(session, undo);
  return lines.join('\n');
}

describe('scripts in mode iptables', () => {
  const plan = planned('iptables', shared);

  it('take the ways in away, and nothing else', async () => {
    expect(await script(plan, 'service-rules-missing')).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft-restore --noflush -w
      *nat
      :KUBE-SERVICES - [0:0]
      :KUBE-NODEPORTS - [0:0]
      -A KUBE-SERVICES -m comment --comment "default/kubernetes:https cluster IP" -m tcp -p tcp -d 10.96.0.1 --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
      -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
      COMMIT

      node.c1.worker1: conntrack -F
      --
      node.c1.worker1: iptables-nft-restore --noflush -w
      *nat
      :KUBE-SERVICES - [0:0]
      :KUBE-NODEPORTS - [0:0]
      -A KUBE-SERVICES -m comment --comment "default/kubernetes:https cluster IP" -m tcp -p tcp -d 10.96.0.1 --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
      -A KUBE-SERVICES -m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.96.0.80 --dport 80 -j KUBE-SVC-LOLE4ISW44XBNF3G
      -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
      -A KUBE-NODEPORTS -m comment --comment default/web -m tcp -p tcp --dport 30080 -j KUBE-EXT-LOLE4ISW44XBNF3G
      COMMIT

      node.c1.worker1: conntrack -F"
    `);
  });

  it('name the chain of an endpoint by its address, as the proxy does', async () => {
    expect(await script(plan, 'stale-endpoint')).toMatchInlineSnapshot(`
      "node.c1.worker1: iptables-nft-restore --noflush -w
      *nat
      :KUBE-SEP-2OYZRSTTDHUPO7SU - [0:0]
      :KUBE-SEP-U6QB55PQOJBWQIJX - [0:0]
      :KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]
      -A KUBE-SEP-U6QB55PQOJBWQIJX -m comment --comment default/web -s 10.244.2.192 -j KUBE-MARK-MASQ
      -A KUBE-SEP-U6QB55PQOJBWQIJX -m comment --comment default/web -m tcp -p tcp -j DNAT --to-destination 10.244.2.192:8080
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.96.0.80 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.2.192:8080" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-U6QB55PQOJBWQIJX
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.1.2:8080" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-PXJ2U7QYT2QW5545
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.2.2:8080" -j KUBE-SEP-5Q3P56IRA2PP7VYF
      -X KUBE-SEP-2OYZRSTTDHUPO7SU
      COMMIT

      node.c1.worker1: conntrack -F
      --
      node.c1.worker1: iptables-nft-restore --noflush -w
      *nat
      :KUBE-SEP-2OYZRSTTDHUPO7SU - [0:0]
      :KUBE-SEP-U6QB55PQOJBWQIJX - [0:0]
      :KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]
      -A KUBE-SEP-2OYZRSTTDHUPO7SU -m comment --comment default/web -s 10.244.0.2 -j KUBE-MARK-MASQ
      -A KUBE-SEP-2OYZRSTTDHUPO7SU -m comment --comment default/web -m tcp -p tcp -j DNAT --to-destination 10.244.0.2:8080
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.96.0.80 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.0.2:8080" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-2OYZRSTTDHUPO7SU
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.1.2:8080" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-PXJ2U7QYT2QW5545
      -A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.2.2:8080" -j KUBE-SEP-5Q3P56IRA2PP7VYF
      -X KUBE-SEP-U6QB55PQOJBWQIJX
      COMMIT

      node.c1.worker1: conntrack -F"
    `);
  });

  it('leave the mark out', async () => {
    const text = await script(plan, 'hairpin-without-masquerade');
    const [inject = '', undo = ''] = text.split('\n--\n');
    expect(inject).not.toContain('KUBE-MARK-MASQ');
    expect(undo).toMatch(/-A KUBE-SEP-\w{16} .*-s 10\.244\.1\.2 -j KUBE-MARK-MASQ/);
  });

  it('refuse on every node', async () => {
    const [inject = ''] = (await script(plan, 'no-ready-endpoint')).split('\n--\n');
    expect(inject.match(/^node\S+: iptables-nft-restore/gm)).toHaveLength(plan.clusters[0]?.nodes.length ?? 0);
    expect(inject).toContain('"default/web has no endpoints"');
    expect(inject).toMatch(/-A KUBE-EXTERNAL-SERVICES .*--dport 30080 -j REJECT/);
  });
});
