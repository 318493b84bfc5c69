import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { findNginx } from '../../engines/netns/find-servers.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { controllerPods } from '../../topology/ingress/controller.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { serviceObject } from '../service-object.ts';
import { startAgentLab, type AgentLab } from './agent-lab.ts';
import { told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'dns-server', 'nginx');
const notRootless = why ?? lacking('rootless');

const service = (name: string, spec: object = {}): KubernetesObject => serviceObject(name, { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec });
const to = (name: string): object => ({ service: { name, port: { number: 80 } } });
const rule = (host: string, ...paths: readonly (readonly [pathType: string, path: string, service: string])[]): object => ({
  ...(host === '' ? {} : { host }),
  http: { paths: paths.map(([pathType, path, name]) => ({ pathType, path, backend: to(name) })) },
});
const ingress = (rules: readonly object[], more: object = {}): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'hosts' },
  spec: { ...(rules.length === 0 ? {} : { rules }), ...more },
});
const RULES = ingress(
  [
    rule(
      'shop.example.com',
      ['Prefix', '/', 'shop'],
      ['Prefix', '/news', 'blog'],
      ['Exact', '/news/today', 'shop'],
      ['ImplementationSpecific', '/img', 'blog'],
    ),
    rule('*.shops.example.com', ['Prefix', '/', 'shop']),
    rule('empty.example.com', ['Exact', '/', 'empty']),
    rule('', ['Prefix', '/health', 'blog']),
  ],
  { defaultBackend: to('blog') },
);
const lab = (objects: readonly KubernetesObject[], more: Partial<LabSpec> = {}, cluster: object = {}): LabSpec => ({
  name: 'web',
  clusters: [
    {
      name: 'c1',
      nodes: [
        { name: 'node1', role: 'control-plane' },
        { name: 'node2', role: 'control-plane' },
      ],
      cni: { type: 'flannel' },
      workloads: [
        { name: 'shop', replicas: 2 },
        { name: 'blog', replicas: 2 },
      ],
      objects: [service('shop'), service('blog'), service('empty', { selector: { app: 'nobody' } }), ...objects],
      ...cluster,
    },
  ],
  ...more,
});

describe.skipIf(why !== null)(`Ingresses behind a real nginx${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('every host and path leads to its Service, from inside and outside; a controller that is gone is found', { timeout: 180_000 }, async () => {
    await using running = await VerifiedLab.up(lab([RULES], { outside: { hosts: [{ name: 'laptop' }] } }));
    const healthy = await running.verify({ suites: ['services'] });
    expect(told(healthy).filter((line) => !line.includes(': skip: '))).toEqual([]);
    const check = healthy.checks.find(({ id }) => id === 'ingress');
    expect(check?.verdict).toBe('pass');
    expect(check?.pairs.passed).toBeGreaterThan(100);

    // A wrong server, not only one that is gone: shop's locations lead to blog.
    const [controller] = running.plan.clusters.flatMap(controllerPods);
    const ns = controller?.netns ?? '';
    const conf = `/run/cnilab/ingress/${ns}/nginx.conf`;
    const wrong = await running.verify({ suites: ['services'], deadlineMs: 300 }, [
      [
        ns,
        'sh',
        '-c',
        `sed -i 's#http://default.shop.80#http://default.blog.80#' ${conf} && kill -HUP $(cat /run/cnilab/ingress/${ns}/nginx.pid) && sleep 0.5`,
      ],
    ]);
    const failed = wrong.checks.filter(({ verdict }) => verdict === 'fail');
    expect(failed.map(({ id }) => id)).toEqual(['ingress']);
    expect(new Set(failed.flatMap(({ failures }) => failures.map((one) => `${one.server} ${one.class}`)))).toEqual(new Set(['c1/default/shop wrong-server']));
    const gone = await running.verify({ suites: ['services'], deadlineMs: 300 }, [
      [ns, 'sh', '-c', `kill $(cat /run/cnilab/ingress/${ns}/nginx.pid) && sleep 0.3`],
    ]);
    const failures = gone.checks.find(({ id }) => id === 'ingress')?.failures ?? [];
    expect(new Set(failures.map((one) => one.class))).toEqual(new Set(['refused']));
    expect(failures.some((one) => one.client === 'laptop')).toBe(true);
  });

  it('a controller that has ended is found as a closed port, and started again as the engine had started it', { timeout: 180_000 }, async () => {
    await using running = await VerifiedLab.up(lab([RULES]));
    const { broken, mended } = await running.break('closed-port', { suites: ['services'], deadlineMs: 300 });
    expect(broken.checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)).toEqual(['ingress']);
    expect(broken.diagnoses.map((one) => [one.name, one.severity, one.confidence])).toEqual([['port-not-listening', 'fail', 'certain']]);
    expect(broken.diagnoses[0]?.where).toEqual(running.plan.clusters.flatMap(controllerPods).map((pod) => pod.id));
    expect(broken.diagnoses[0]?.ruledOut.map((one) => one.name)).toContain('filter-rejects');
    expect(new Set(broken.checks.flatMap((check) => check.failures.map((one) => one.diagnosis)))).toEqual(new Set(['port-not-listening']));
    expect(mended.verdict).toBe('pass');
  });

  it('dual stack, and policies that keep the controller from a Service', { timeout: 120_000 }, async () => {
    const dual = { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'], cni: { type: 'kindnet' } };
    const closed: KubernetesObject = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'shop' },
      spec: { podSelector: { matchLabels: { app: 'shop' } }, policyTypes: ['Ingress'] },
    };
    const six = ingress([rule('six.example.com', ['Prefix', '/', 'six'])]);
    const objects = [
      service('shop', { ipFamilyPolicy: 'RequireDualStack' }),
      service('blog', { ipFamilyPolicy: 'RequireDualStack' }),
      service('six', { selector: { app: 'blog' }, ipFamilies: ['IPv6'] }),
      RULES,
      { ...six, metadata: { name: 'six' } },
      closed,
    ];
    const spec = lab([], { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } }, { ...dual, objects });
    await using running = await VerifiedLab.up(spec);
    const report = await running.verify({ suites: ['services'], only: /^ingress$/ });
    expect(told(report)).toEqual([]);
    expect(report.checks.map(({ id, verdict }) => [id, verdict])).toEqual([['ingress', 'pass']]);
    expect(report.notLookedAt.join('\n')).toContain('Ingresses to default/shop: the controller may not reach');
  });

  const change = async (agent: AgentLab, from: LabPlan, to_: LabPlan, options: object): Promise<void> => {
    const delta = reconcile(from, to_, options);
    await agent.apply(delta.stages, delta.undo);
  };

  it.each([false, true])(
    'a changed rule is reloaded, a rejected one leaves the old one, and nothing stays (rootless: %s)',
    { timeout: 60_000 },
    async (rootless) => {
      if (rootless && notRootless !== null) return;
      await using agent = await startAgentLab({ rootless });
      const options = { rootless, nginx: findNginx() ?? 'nginx', dnsServer: undefined };
      const small = { cni: { type: 'bridge' }, dns: false, workloads: [{ name: 'shop', replicas: 1 }] };
      const before = planLab(lab([ingress([rule('a.example', ['Prefix', '/', 'empty'])])], {}, small));
      await agent.apply(compile(before, options));
      const [pod] = before.clusters.flatMap(controllerPods);
      const ns = pod?.netns ?? '';
      const client = before.clusters[0]?.pods.find((one) => one.labels['app'] === 'shop')?.netns ?? '';
      const address = pod?.interface?.addresses[0]?.address ?? '';
      const ask = `exec 3<>/dev/tcp/$0/80; printf 'GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' $1 >&3; read -r _ code _ <&3; printf $code`;
      const status = async (host: string): Promise<string> => (await agent.call('run', { netns: client, argv: ['bash', '-c', ask, address, host] })).stdout;
      expect([await status('a.example'), await status('b.example')]).toEqual(['503', '404']);
      const started = await agent.sh(ns, `cat /run/cnilab/ingress/${ns}/nginx.pid`);
      expect(await agent.sh(ns, `grep -c 'emerg' /run/cnilab/ingress/${ns}.log || true`)).toMatch(rootless ? /^[01]\s*$/ : /^0\s*$/);

      const after = planLab(lab([ingress([rule('b.example', ['Prefix', '/', 'empty'])])], {}, small), { previous: before });
      await change(agent, before, after, options);
      expect([await status('a.example'), await status('b.example')]).toEqual(['404', '503']);
      expect(await agent.sh(ns, `cat /run/cnilab/ingress/${ns}/nginx.pid`)).toBe(started);

      const [op] = compile(after, options).flatMap((stage) => stage.ops.filter((one) => one.op === 'ingress'));
      await expect(agent.apply([{ ...op, config: 'nonsense here;' } as never])).rejects.toThrow(/rejects its configuration.*unknown directive "nonsense"/s);
      expect(await status('b.example')).toBe('503');

      const without = planLab(lab([], {}, small), { previous: after });
      await change(agent, after, without, options);
      expect(await agent.sh(client, 'ls /run/cnilab/ingress; pgrep -x nginx || echo none')).toBe('none\n');
    },
  );
});
