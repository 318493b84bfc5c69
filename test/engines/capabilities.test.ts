import { describe, expect, it } from 'vitest';
import { capabilities, needsOf, platformCapability } from '../../engines/netns/capabilities.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { userNamespaceRemedy } from '../../engines/netns/user-namespaces.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { smallPlan } from './compile-fixture.ts';

describe('platform', () => {
  it.each<[string, string, string, boolean, RegExp]>([
    ['Debian', 'linux', 'Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)', true, /^Linux 6\.1\.0-18-amd64$/],
    ['WSL 2', 'linux', 'Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)', true, /\(WSL 2\)/],
    ['WSL 1', 'linux', 'Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)', false, /WSL 1/],
    ['macOS', 'darwin', '', false, /darwin/],
    ['Windows', 'win32', '', false, /win32/],
  ])('%s', (_name, platform, version, ok, detail) => {
    const capability = platformCapability(platform, version);
    expect(capability.ok).toBe(ok);
    expect(capability.detail).toMatch(detail);
    expect(capability.remedy === '').toBe(ok);
  });
  it('shows the way out of macOS', () => {
    expect(platformCapability('darwin', '').remedy).toMatch(/lima.*orb/is);
  });
});

describe('user namespaces', () => {
  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    [
      'Ubuntu restricts them by AppArmor',
      { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' },
      /sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/,
    ],
    ['Debian forbids them', { '/proc/sys/kernel/unprivileged_userns_clone': '0' }, /sysctl -w kernel\.unprivileged_userns_clone=1/],
    ['none are left', { '/proc/sys/user/max_user_namespaces': '0' }, /user\.max_user_namespaces/],
    ['a container', {}, /--cap-add SYS_ADMIN/],
  ])('%s', (_name, settings, remedy) => {
    expect(userNamespaceRemedy((path) => settings[path] ?? null)).toMatch(remedy);
  });
});

describe('what a plan needs', () => {
  it('bird for BGP only', () => {
    expect(planNeeds(smallPlan({ type: 'calico', encapsulation: 'none' })).bird).toBe(true);
    expect(planNeeds(smallPlan({ type: 'calico' })).bird).toBe(false);
  });
  it('vxlan for overlays, ipip for ipip', () => {
    expect(planNeeds(smallPlan({ type: 'flannel' }))).toMatchObject({ vxlan: true, ipip: false });
    expect(planNeeds(smallPlan({ type: 'flannel', backend: 'host-gw' }))).toMatchObject({ vxlan: false, ipip: false });
    expect(planNeeds(smallPlan({ type: 'calico', encapsulation: 'ipip' }))).toMatchObject({ vxlan: false, ipip: true });
  });
  it('TUN devices for udp', () => {
    expect(planNeeds(smallPlan({ type: 'flannel', backend: 'udp' }))).toMatchObject({ vxlan: false, tun: true });
    expect(planNeeds(smallPlan({ type: 'flannel' })).tun).toBe(false);
  });
  it('the plugins of the list, their IPAM and loopback; portmap alone for host ports of calico', () => {
    const names = (...parameters: Parameters<typeof smallPlan>): string[] => planNeeds(smallPlan(...parameters)).plugins.map((plugin) => plugin.name);
    expect(names({ type: 'bridge' })).toEqual(['loopback', 'bridge', 'host-local', 'portmap']);
    expect(names({ type: 'calico' })).toEqual([]);
    expect(names({ type: 'calico' }, { workloads: [{ name: 'web', perNode: 1, ports: [{ containerPort: 80, hostPort: 8080 }] }] })).toEqual([
      'loopback',
      'portmap',
    ]);
  });
});

describe('what a plan needs, in words', () => {
  const bare = ['bridged packets pass iptables', 'iptables rules'];
  const plugins = 'CNI plugins loopback bridge host-local portmap';
  it.each<[string, LabPlan, readonly string[]]>([
    ['bridge', smallPlan({ type: 'bridge' }), [...bare, plugins]],
    ['flannel vxlan', smallPlan({ type: 'flannel' }), ['VXLAN', ...bare, plugins]],
    ['flannel udp', smallPlan({ type: 'flannel', backend: 'udp' }), ['TUN devices (/dev/net/tun)', ...bare, plugins]],
    ['calico ipip', smallPlan({ type: 'calico', encapsulation: 'ipip' }), ['IPIP tunnels (ipip)', ...bare]],
    [
      'kube-proxy mode ipvs',
      smallPlan({ type: 'bridge' }, { kubeProxy: { mode: 'ipvs' } }),
      ['bridged packets pass iptables', 'IP Virtual Server (ip_vs)', 'iptables rules', plugins],
    ],
    ['hosts alone', planLab({ name: 'lan', hosts: [{ name: 'a' }] }), []],
  ])('%s', (_, plan, needs) => {
    expect(needsOf(plan)).toEqual(needs);
  });
});

describe('capabilities', () => {
  it('looks only at what the plan needs, and names a remedy for each lack', async () => {
    const found = await capabilities(smallPlan({ type: 'flannel', backend: 'host-gw' }));
    const ids = found.map((capability) => capability.id);
    expect(ids).toEqual(expect.arrayContaining(['platform', 'namespaces', 'cni-bridge', 'iptables']));
    for (const id of ['vxlan', 'ipip', 'bird', 'ip6tables', 'ipv6']) expect(ids).not.toContain(id);
    for (const { ok, remedy } of found) expect(remedy === '').toBe(ok);
  });
});
