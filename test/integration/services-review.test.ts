import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { startAgentLab } from './agent-lab.ts';
import { serviceObject } from '../service-object.ts';
import { clusterIPOf, servicesSpec, startServicesLab } from './services-lab.ts';

const reason = lacking('root', 'plugins');
const policy = (spec: unknown): KubernetesObject => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec });
const on = (cni: 'flannel' | 'kindnet', spec: LabSpec): LabSpec => ({
  ...spec,
  clusters: (spec.clusters ?? []).map((cluster) => ({ ...cluster, cni: { type: cni } })),
});

describe.skipIf(reason !== null)(`Services and what stands beside them${reason === null ? '' : ` (${reason})`}`, () => {
  it.each(['iptables', 'nftables'] as const)(
    'mode %s: a pod that policies isolate reaches itself by its own Service, and is reached by nobody else',
    async (mode) => {
      const deny = policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'] });
      const workloads = [
        { name: 'web', replicas: 1 },
        { name: 'other', replicas: 1 },
      ];
      await using services = await startServicesLab(on('kindnet', servicesSpec(mode, [serviceObject('web'), deny], workloads, false)));
      await services.serve();
      const [web] = services.pods('web');
      const [other] = services.pods('other');
      const address = clusterIPOf(services.service('web'), 'ipv4');
      const [answer] = await services.ask(web?.netns ?? '', { address, port: 80 });
      expect(answer).toMatch(new RegExp(`^${web?.name ?? '?'} `));
      expect(await services.ask(other?.netns ?? '', { address, port: 80, timeoutMs: 500 })).toEqual(['timeout']);
    },
  );

  it.each(['iptables', 'nftables'] as const)('mode %s: a client of UDP with a port of its own finds a node port that comes later', async (mode) => {
    const udp = (more: object): KubernetesObject =>
      serviceObject('web', { ports: [{ port: 80, targetPort: 8080, protocol: 'UDP', ...('type' in more ? { nodePort: 30_080 } : {}) }], ...more });
    const spec = (service: KubernetesObject): LabSpec => servicesSpec(mode, [service], [{ name: 'web', replicas: 1 }], false);
    await using services = await startServicesLab(spec(udp({})));
    await services.serve();
    const [pod] = services.pods('web');
    const node = services.cluster().nodes.find((n) => n.name === 'worker1')?.interfaces[0]?.addresses[0]?.address ?? '';
    const client = services.plan().machines.find((m) => m.name === 'outside')?.netns ?? '';
    // A listener of the node that never answers: the flow is remembered as the node's own.
    const netns = services.cluster().nodes.find((n) => n.name === 'worker1')?.netns ?? '';
    await services.lab.sh(
      netns,
      `setsid ${process.execPath} -e 'require("dgram").createSocket("udp4").bind(30080)' </dev/null >/dev/null 2>&1 & until ss -lun | grep -q :30080; do sleep 0.02; done`,
    );
    const ask = async (): Promise<readonly string[]> =>
      await services.ask(client, { protocol: 'udp', address: node, port: 30_080, from: 5555, timeoutMs: 500 });
    expect(await ask()).toEqual(['timeout']);
    await services.change(spec(udp({ type: 'NodePort' })));
    const [answer] = await ask();
    expect(answer).toMatch(new RegExp(`^${pod?.name ?? '?'} `));
  });

  it('the proxy of mode userspace ends with the namespace that it serves', async () => {
    await using lab = await startAgentLab();
    const ops: readonly Op[] = [
      { op: 'netns', ns: 'node' },
      {
        op: 'proxy',
        ns: 'node',
        portals: [{ listen: 40_000, protocol: 'tcp', family: 'ipv4', endpoints: [{ address: '10.0.0.2', port: 80 }], affinitySeconds: null }],
      },
    ];
    await lab.apply([{ op: 'netns', ns: 'watch' }, ...ops]);
    const proxies = async (): Promise<number> => Number((await lab.run('watch', 'pgrep -fc userspace-proxy.js.*/node/portals.json')).stdout.trim());
    expect(await proxies()).toBeGreaterThan(0);
    const [namespace] = ops;
    await lab.apply([], namespace === undefined ? [] : [namespace]);
    expect(await lab.sh('watch', 'ls /run/cnilab/proxy')).toBe('');
  });

  it('a server that does not listen to SIGTERM is ended by force', async () => {
    await using lab = await startAgentLab();
    await lab.apply([{ op: 'netns', ns: 'node' }]);
    const deaf = `sh -c 'trap "" TERM; while :; do sleep 1; done'`;
    const pid = (await lab.sh('node', `setsid ${deaf} </dev/null >/dev/null 2>&1 & sleep 0.2; echo $!`)).trim();
    await lab.sh('node', `mkdir -p /run/cnilab/proxy && printf '%s %s\\n' ${pid} "$(cut -d ' ' -f 22 /proc/${pid}/stat)" > /run/cnilab/proxy/node.run`);
    await lab.apply([], [{ op: 'proxy', ns: 'node', portals: [] }]);
    expect(await lab.sh('node', `cut -d ' ' -f 3 /proc/${pid}/stat 2>/dev/null || echo gone`)).toMatch(/^(gone|Z)/);
  });
});
