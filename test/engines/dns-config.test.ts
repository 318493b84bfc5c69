import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import type { CompileOptions } from '../../engines/netns/compile-options.ts';
import type { DnsServer } from '../../engines/netns/dns/compile.ts';
import { dnsmasqFiles } from '../../engines/netns/dns/dnsmasq-config.ts';
import { servedZone } from '../../engines/netns/dns/zone.ts';
import { findProgram } from '../../engines/executables.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { smallPlan } from './compile-fixture.ts';

const object = (kind: string, name: string, spec: object): KubernetesObject => ({ apiVersion: 'v1', kind, metadata: { name, labels: { app: name } }, spec });
const WEB = object('Service', 'web', { clusterIP: '10.96.0.80', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] });
const OBJECTS: readonly KubernetesObject[] = [
  WEB,
  object('Service', 'db', { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'pg', port: 5432 }] }),
  object('Service', 'out', { type: 'ExternalName', externalName: 'example.com' }),
  object('Pod', 'db', { hostname: 'first', subdomain: 'db', containers: [{ name: 'c' }] }),
];
const DUAL: Partial<LabSpec> = { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } };
const plan = (objects: readonly KubernetesObject[] = OBJECTS, lab: Partial<LabSpec> = {}): LabPlan =>
  smallPlan(
    { type: 'flannel' },
    {
      objects,
      ...(lab.underlay === undefined ? {} : { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] }),
    },
    lab,
  );

const opsOf = (of: LabPlan, options: CompileOptions = {}): readonly Op[] => compile(of, options).flatMap((stage) => stage.ops);
const dnsOf = (of: LabPlan, options: CompileOptions = {}): readonly Extract<Op, { op: 'dns' }>[] =>
  opsOf(of, options).filter((op): op is Extract<Op, { op: 'dns' }> => op.op === 'dns');
const rendered = (of: LabPlan, kind: DnsServer['kind']): string =>
  dnsOf(of, { dnsServer: { kind, program: `/usr/bin/${kind}` } })
    .flatMap(({ ns, argv, files }) => [`# ${ns}: ${argv.join(' ')}`, ...Object.entries(files).flatMap(([name, text]) => [`## ${name}`, text])])
    .join('\n');

const resolvOf = (of: LabPlan): Readonly<Record<string, string>> =>
  Object.fromEntries(opsOf(of).flatMap((op) => (op.op === 'file' && op.path.includes('/resolv/') ? [[op.path.replace(/.*\/resolv\//, ''), op.text]] : [])));

describe('the configuration of a cluster’s DNS', () => {
  it.each(['coredns', 'dnsmasq'] as const)('of %s, dual stack', async (kind) => {
    await expect(rendered(plan(OBJECTS, DUAL), kind)).toMatchFileSnapshot(`golden/dns-${kind}.txt`);
  });

  it('asks the lab’s resolvers about the rest, and nobody where there is none', () => {
    const outside = plan(OBJECTS, { hosts: [{ name: 'resolver', role: 'resolver', address: '172.30.0.53' }] });
    expect(rendered(outside, 'coredns')).toMatch(/^\. \{$[^]*^ {4}forward \. 172\.30\.0\.53$/m);
    expect(rendered(outside, 'dnsmasq')).toMatch(/^server=172\.30\.0\.53$/m);
    expect(rendered(plan(), 'coredns')).not.toMatch(/forward|^\. \{/m);
    expect(rendered(plan(), 'dnsmasq')).not.toMatch(/^server=/m);
    expect(resolvOf(outside)['machines.conf']).toBe('nameserver 172.30.0.53\n');
  });

  it('an unprivileged dnsmasq is no root, and may have port 53', () => {
    const options: CompileOptions = { rootless: true, dnsServer: { kind: 'dnsmasq', program: '/usr/sbin/dnsmasq' } };
    const [dns] = dnsOf(plan(), options);
    expect(dns?.argv.slice(0, 3)).toEqual(['unshare', '-U', '/usr/sbin/dnsmasq']);
    expect(opsOf(plan(), options)).toContainEqual({ op: 'sysctl', ns: dns?.ns, key: 'net/ipv4/ip_unprivileged_port_start', value: '0' });
  });

  it('a cluster without DNS has no server, and its pods no file of their own', () => {
    const without = smallPlan({ type: 'flannel' }, { dns: false, objects: [WEB] });
    expect(dnsOf(without)).toEqual([]);
    expect(resolvOf(without)).toEqual({ 'machines.conf': '# This lab has no resolver outside of its clusters.\n' });
  });

  it('pods have the resolv.conf of their policy; those in the network of their node by identity', () => {
    const host = (name: string, dnsPolicy: string): KubernetesObject => object('Pod', name, { hostNetwork: true, dnsPolicy, containers: [{ name: 'c' }] });
    const files = resolvOf(plan([WEB, host('first', 'ClusterFirstWithHostNet'), host('plain', 'ClusterFirst')]));
    expect(files['c1/default/first.conf']).toMatch(/^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local\nnameserver 10\.96\.0\.10\n/);
    expect(Object.keys(files).filter((name) => name.includes('plain') || name.startsWith('node.') || name.includes('coredns'))).toEqual([]);
    expect(Object.keys(files).filter((name) => name.includes('web'))).toHaveLength(2);
  });

  it('a new Service changes the server’s files and starts nothing anew', () => {
    const { undo, stages } = reconcile(
      plan([WEB]),
      plan([WEB, object('Service', 'late', { clusterIP: '10.96.0.81', selector: { app: 'web' }, ports: [{ port: 80 }] })]),
    );
    expect(undo).toEqual([]);
    const [dns] = stages.flatMap((stage) => stage.ops.filter((op) => op.op === 'dns'));
    expect(JSON.stringify(dns)).toContain('late.default.svc.cluster.local. 30 IN A 10.96.0.81');
    expect(stages.flatMap((stage) => stage.ops.filter((op) => op.op === 'cni' || op.op === 'netns'))).toEqual([]);
  });

  it('a cluster that loses its DNS loses the server', () => {
    const { undo } = reconcile(plan([WEB]), plan([]));
    expect(undo.map((op) => op.op)).toEqual(expect.arrayContaining(['dns', 'netns', 'file']));
  });

  const dnsmasq = findProgram(['dnsmasq']);
  it.skipIf(dnsmasq === null)(`is what dnsmasq takes${dnsmasq === null ? ' (it is not here)' : ''}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-dnsmasq-'));
    try {
      const [cluster] = plan(OBJECTS, DUAL).clusters;
      if (cluster === undefined) throw new Error('no cluster');
      for (const [name, text] of Object.entries(dnsmasqFiles(servedZone(cluster, ['172.30.0.53'])))) writeFileSync(join(folder, name), text);
      expect(() => execFileSync(dnsmasq ?? '', ['--test', '-C', join(folder, 'dnsmasq.conf')], { stdio: 'pipe' })).not.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
