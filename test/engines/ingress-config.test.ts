import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { fidelity } from '../../engines/netns/fidelity.ts';
import { findNginx } from '../../engines/netns/find-servers.ts';
import { nginxConfig } from '../../engines/netns/ingress/nginx-config.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { smallPlan } from './compile-fixture.ts';

const object = (apiVersion: string, kind: string, name: string, spec: object): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, labels: { app: name } },
  spec,
});
const service = (name: string, spec: object = {}): KubernetesObject =>
  object('v1', 'Service', name, { selector: { app: name }, ports: [{ port: 80, name: 'web', targetPort: 8080 }], ...spec });
const to = (name: string, port: object = { number: 80 }): object => ({ service: { name, port } });
const path = (text: string, pathType: string, backend: object): object => ({ path: text, pathType, backend });
const SHOP = [object('v1', 'Pod', 'shop', { containers: [{ name: 'c' }] }), service('shop', { ipFamilyPolicy: 'PreferDualStack' })];
const hosts = (...paths: readonly object[]): KubernetesObject =>
  object('networking.k8s.io/v1', 'Ingress', 'hosts', {
    rules: [
      { host: 'shop.example.com', http: { paths } },
      { host: '*.shops.example.com', http: { paths: [path('/', 'Prefix', to('shop'))] } },
    ],
    defaultBackend: to('nobody'),
  });
const RULES = hosts(
  path('/', 'Prefix', to('shop')),
  path('/news', 'Prefix', to('blog', { name: 'web' })),
  path('/news', 'Exact', to('shop', { name: 'web' })),
  path('/old"(.*)', 'ImplementationSpecific', to('nobody')),
);
const DUAL: Partial<LabSpec> = { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } };
const plan = (rules: KubernetesObject = RULES, lab: Partial<LabSpec> = {}): LabPlan =>
  smallPlan(
    { type: 'flannel' },
    {
      objects: [...SHOP, service('blog', { selector: { app: 'web' } }), rules],
      ...(lab.underlay === undefined ? {} : { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] }),
    },
    lab,
  );
const configOf = (of: LabPlan): string => of.clusters.map((cluster) => nginxConfig(cluster, '/run/cnilab/ingress/NS')).join('\n');
type IngressOp = Extract<Op, { op: 'ingress' }>;
const ops = (of: LabPlan): readonly IngressOp[] => compile(of).flatMap((stage) => stage.ops.filter((op): op is IngressOp => op.op === 'ingress'));

describe('the configuration of the Ingress controller', () => {
  it('of one family, and of two', async () => {
    await expect(`${configOf(plan())}\n# dual stack\n${configOf(plan(RULES, DUAL))}`).toMatchFileSnapshot('golden/ingress-nginx.txt');
  });

  it('nginx takes it', (context) => {
    const nginx = findNginx();
    if (nginx === null) return context.skip('nginx is not here');
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-nginx-'));
    try {
      for (const lab of [{}, DUAL]) {
        const file = join(folder, 'nginx.conf');
        // An unprivileged port: nobody need be root to have a configuration read.
        writeFileSync(
          file,
          configOf(plan(RULES, lab))
            .replaceAll('/run/cnilab/ingress/NS', folder)
            .replaceAll(/listen (\[::\]:)?80\b/g, 'listen $128080'),
        );
        expect(() => execFileSync(nginx, ['-e', 'stderr', '-p', folder, '-c', file, '-t', '-q'], { stdio: 'pipe' })).not.toThrow();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('runs in the pod of the controller, after its network is there', () => {
    const stages = compile(plan(), { nginx: '/opt/nginx' }).map((stage) => stage.name);
    expect(stages.indexOf('ingress')).toBeGreaterThan(stages.indexOf('pods'));
    const [op, ...others] = ops(plan());
    expect(others).toEqual([]);
    expect(op?.ns).toMatch(/ingress-nginx-controller/);
    expect(op?.config).toContain(`pid ${op?.folder}/nginx.pid;`);
  });

  it('a changed rule changes the controller, and nothing else', () => {
    const { undo, stages } = reconcile(plan(), plan(hosts(path('/', 'Exact', to('blog')))));
    expect([undo, stages.flatMap((stage) => stage.ops.map((one) => one.op))]).toEqual([[], ['ingress']]);
  });

  it('a lab without Ingresses has none, needs no nginx and says nothing of it', () => {
    const without = smallPlan({ type: 'flannel' }, { objects: SHOP });
    expect(ops(without)).toEqual([]);
    expect([planNeeds(without).ingress, planNeeds(plan()).ingress]).toEqual([[], ['c1']]);
    expect(JSON.stringify(fidelity(without))).not.toContain('nginx');
    expect(fidelity(plan()).real.join()).toContain('nginx of this machine');
    expect(fidelity(plan()).absent.join()).toContain('its Lua');
  });
});

describe('a load balancer of the outside', () => {
  it('is answered for by the router that leads to it, on the segment of the outside', () => {
    const outside = plan(RULES, { outside: { hosts: [{ name: 'laptop' }] } });
    const answers = compile(outside).flatMap((stage) => stage.ops.filter((op) => op.op === 'neigh' && op.mac === null));
    expect(answers).toEqual([
      { op: 'neigh', ns: outside.machines.find(({ kind }) => kind === 'router')?.netns, dev: 'eth1', address: '203.0.113.3', mac: null },
    ]);
  });
});
