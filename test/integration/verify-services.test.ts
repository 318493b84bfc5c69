import { describe, expect, it } from 'vitest';
import type { KubernetesObject, LabSpec, ProxyMode } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { HTTP_AND_ECHO, serviceObject } from '../service-object.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

const service = (name: string, app: string, spec: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { selector: { app }, ports: HTTP_AND_ECHO, ...spec });

const spec = (mode: ProxyMode): LabSpec => ({
  name: 'services',
  hosts: [{ name: 'beside' }],
  clusters: [
    {
      name: 'c1',
      workers: 2,
      cni: { type: 'flannel' },
      dns: false,
      kubeProxy: { mode },
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'solo', replicas: 1 },
      ],
      objects: [
        service('web', 'web', { type: 'NodePort' }),
        service('sticky', 'web', { sessionAffinity: 'ClientIP' }),
        service('near', 'web', { internalTrafficPolicy: 'Local' }),
        service('local', 'solo', { type: 'NodePort', externalTrafficPolicy: 'Local' }),
        service('solo', 'solo', { internalTrafficPolicy: 'Local' }),
        service('nobody', 'nobody', { type: 'NodePort' }),
        service('abroad', 'web', { externalIPs: ['203.0.113.7'] }),
      ],
    },
  ],
});

describe.skipIf(why !== null)('the suite services on the embedded engine', () => {
  it.each(['iptables', 'nftables'] as const)('%s: a healthy lab passes every check, and what is broken is found', { timeout: 120_000 }, async (mode) => {
    await using lab = await VerifiedLab.up(spec(mode));
    const healthy = await lab.verify({ suites: ['services'] });
    expect(told(healthy)).toEqual(['ingress: skip: no Ingress is in the lab']);
    expect(Object.fromEntries(healthy.checks.map((check) => [check.id, check.verdict]))).toEqual({
      'service-cluster-ip': 'pass',
      'service-from-node': 'pass',
      'service-hairpin': 'pass',
      'service-node-port': 'pass',
      'service-load-balancer': 'pass',
      'service-affinity': 'pass',
      'service-traffic-policy': 'pass',
      'service-no-endpoints': 'pass',
      'service-source': 'pass',
      'service-udp-reuse': 'pass',
      // The lab has none.
      ingress: 'skip',
    });

    const flush = mode === 'iptables' ? ['iptables', '-t', 'nat', '-F', 'KUBE-SERVICES'] : ['nft', 'delete', 'table', 'ip', 'kube-proxy'];
    const broken = await lab.verify({ suites: ['services'], deadlineMs: 200, protocols: ['tcp'] }, [['node.c1.worker1', ...flush]]);
    expect(failing(broken)).toContain('service-cluster-ip');
    const cut = broken.checks.find((check) => check.id === 'service-cluster-ip');
    expect(new Set(cut?.failures.map((one) => one.clientNode))).toEqual(new Set(['c1/worker1']));
  });

  it('names a hairpin that is off, a masquerade that is missing, and an endpoint that is chosen too often', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec('iptables'));
    const node = 'node.c1.worker1';
    const ports = `$(ip -o link show master cni0 | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1/')`;
    const brief = { suites: ['services'], deadlineMs: 200, protocols: ['tcp'] } as const;
    const hairpin = (state: string): readonly [string, ...string[]] => [
      node,
      'sh',
      '-c',
      `for d in ${ports}; do ip link set dev $d type bridge_slave hairpin ${state} || exit 1; done`,
    ];
    const off = failing(await lab.verify(brief, [hairpin('off')]));
    expect(off).toContain('service-hairpin');
    // A pod that affinity keeps to itself gets nothing of `sticky`, and nobody knows from whom.
    expect(off.filter((id) => id !== 'service-hairpin' && id !== 'service-cluster-ip')).toEqual([]);

    const unmarked = await lab.verify(brief, [hairpin('on'), [node, 'iptables', '-t', 'nat', '-F', 'KUBE-MARK-MASQ']]);
    expect(failing(unmarked)).toContain('service-source');
    expect(failing(unmarked)).toContain('service-hairpin');

    // Half of the choices of one port of one Service become its first endpoint's.
    const chain = `$(iptables-save -t nat | grep 'default/web:http cluster IP' | sed -n 's/.*-j \\(KUBE-SVC-[A-Z0-9]*\\).*/\\1/p' | head -1)`;
    const first = `$(iptables-save -t nat | grep -- "-A ${chain} " | sed -n 's/.*-j \\(KUBE-SEP-[A-Z0-9]*\\).*/\\1/p' | head -1)`;
    const lopsided = await lab.verify(brief, [
      [node, 'iptables', '-t', 'nat', '-A', 'KUBE-MARK-MASQ', '-j', 'MARK', '--set-xmark', '0x4000/0x4000'],
      [node, 'sh', '-c', `iptables -t nat -I ${chain} 1 -j ${first}`],
    ]);
    expect(told(lopsided).find((line) => line.startsWith('service-cluster-ip'))).toMatch(/of \d+ connections by worker1, .* got 0/);
  });
});
