import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPlugin } from '../../engines/executables.ts';
import { findDnsServer, findNginx } from '../../engines/netns/find-servers.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { preflight } from '../../engines/netns/preflight.ts';
import { ownedByFirstUsers } from '../../engines/netns/user-namespaces.ts';
import { EnvironmentError } from '../../topology/errors.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { smallPlan } from './compile-fixture.ts';

const RAW: CniSpec = {
  type: 'raw',
  pluginDirs: ['plugins'],
  conflist: { cniVersion: '1.0.0', name: 'own', plugins: [{ type: 'no-such-plugin' }, { type: 'nor-this' }] },
};

describe('preflight', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cnilab-preflight-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const plugin = (name: string, mode: number): void => {
    mkdirSync(join(folder, 'plugins'), { recursive: true });
    writeFileSync(join(folder, 'plugins', name), '#!/bin/sh\n');
    chmodSync(join(folder, 'plugins', name), mode);
  };
  const lacks = (): unknown => {
    try {
      preflight(smallPlan(RAW), folder);
      return null;
    } catch (error) {
      return error;
    }
  };

  it('names every plugin that is missing, with what to install', () => {
    const error = lacks();
    expect(error).toBeInstanceOf(EnvironmentError);
    expect((error as EnvironmentError).message).toMatch(/no-such-plugin.*nor-this/s);
    expect((error as EnvironmentError).message).toContain(join(folder, 'plugins'));
    expect((error as EnvironmentError).hint).toMatch(/install -y containernetworking-plugins/);
  });

  it("finds the author's own plugins beside the lab file; a file that cannot be run is none", () => {
    plugin('no-such-plugin', 0o755);
    plugin('nor-this', 0o644);
    expect((lacks() as EnvironmentError).message).not.toMatch(/CNI plugin no-such-plugin/);
    expect((lacks() as EnvironmentError).message).toMatch(/CNI plugin nor-this/);
  });

  it('asks for root where kube-proxy is in mode ipvs: rootless its settings are hidden', () => {
    const withIpvs = (): void => preflight(smallPlan({ type: 'flannel' }, { kubeProxy: { mode: 'ipvs' } }), folder);
    vi.stubEnv('CNILAB_ROOTLESS', '1');
    expect(withIpvs).toThrow(/root \(kube-proxy mode ipvs of cluster c1; its settings net\.ipv4\.vs are hidden otherwise\)/);
    expect(ownedByFirstUsers(() => '0 0 4294967295')).toBe(false);
    vi.stubEnv('CNILAB_ROOTLESS', '');
    const isRoot = process.geteuid?.() === 0;
    expect([ownedByFirstUsers(() => '0          0 4294967295'), ownedByFirstUsers(() => '0 100000 65536')]).toEqual([isRoot, false]);
  });

  it('asks for a DNS server where a cluster has one', () => {
    const withDns = (): void => preflight(smallPlan({ type: 'flannel' }, { dns: true }), folder);
    vi.stubEnv('CNILAB_COREDNS', join(folder, 'plugins/coredns'));
    expect(withDns).toThrow(/CoreDNS or dnsmasq \(DNS of cluster c1; `dns: false` does without\)/);
    plugin('coredns', 0o755);
    expect(findDnsServer()).toEqual({ kind: 'coredns', program: join(folder, 'plugins/coredns') });
    expect(withDns).not.toThrow(/dnsmasq/);
  });

  it('asks for nginx where a cluster has an Ingress, and for none elsewhere', () => {
    const ingress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web' },
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
    };
    vi.stubEnv('XDG_CACHE_HOME', folder);
    const wanted = planNeeds(smallPlan({ type: 'flannel' }, { objects: [ingress] })).ingress;
    expect([wanted, planNeeds(smallPlan({ type: 'flannel' })).ingress]).toEqual([['c1'], []]);
    mkdirSync(join(folder, 'cnilab/nginx/usr/sbin'), { recursive: true });
    writeFileSync(join(folder, 'cnilab/nginx/usr/sbin/nginx'), '', { mode: 0o755 });
    expect(findNginx()).toBe(join(folder, 'cnilab/nginx/usr/sbin/nginx'));
  });

  it('searches CNI_PATH, and takes no path for a name', () => {
    plugin('no-such-plugin', 0o755);
    vi.stubEnv('CNI_PATH', join(folder, 'plugins'));
    expect(findPlugin('no-such-plugin')).toBe(join(folder, 'plugins/no-such-plugin'));
    expect(findPlugin('../plugins/no-such-plugin')).toBeNull();
  });
});
