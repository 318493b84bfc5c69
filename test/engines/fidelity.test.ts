import { describe, expect, it } from 'vitest';
import { fidelity } from '../../engines/netns/fidelity.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { dockerLab } from '../topology/docker-fixture.ts';
import { smallPlan, withPermanentNeighbours } from './compile-fixture.ts';

const text = (cni: CniSpec, part: 'real' | 'sameMechanism' | 'absent'): string => fidelity(smallPlan(cni, { kubernetesVersion: '1.30' }))[part].join('\n');

describe('fidelity', () => {
  it.each<[string, CniSpec, 'real' | 'sameMechanism' | 'absent', RegExp]>([
    ['the plugins are real', { type: 'bridge' }, 'real', /containernetworking plugins/],
    ['nobody watches flannel', { type: 'flannel' }, 'absent', /flanneld/],
    ['host-gw leaves out --random-fully', { type: 'flannel', backend: 'host-gw' }, 'absent', /random-fully/],
    ['udp has a process of its own', { type: 'flannel', backend: 'udp' }, 'sameMechanism', /history .*process of cnilab's own in the place of flanneld/],
    ['Docker is imitated', { type: 'flannel', docker: true }, 'sameMechanism', /history .*docker0 with the address of --bip/],
    ['BIRD is real', { type: 'calico', encapsulation: 'none' }, 'real', /BIRD 2/],
    ['Felix is not there', { type: 'calico' }, 'absent', /Felix/],
    ['weave has no relaying and no sleeve', { type: 'weave' }, 'absent', /relaying.*sleeve/],
    ["policies are enforced, not in Felix' form", { type: 'calico' }, 'sameMechanism', /NetworkPolicies .*enforced.*; Felix/],
    ['and by kindnet', { type: 'kindnet' }, 'sameMechanism', /NetworkPolicies .*enforced.*; kindnetd/],
  ])('%s', (_name, cni, part, expected) => {
    expect(text(cni, part)).toMatch(expected);
  });

  it('claims nothing real of BGP where there is none', () => {
    expect(text({ type: 'calico' }, 'real')).not.toMatch(/BIRD/);
    expect(text({ type: 'flannel' }, 'absent')).not.toMatch(/random-fully/);
    expect(text({ type: 'flannel' }, 'sameMechanism')).not.toMatch(/NetworkPolicies/);
  });

  it('tells which DNS there is', () => {
    const withDns = fidelity(smallPlan({ type: 'flannel' }, { dns: true }));
    expect(withDns.real.join('\n')).toMatch(/CoreDNS where this machine has it, else dnsmasq/);
    expect(withDns.absent.join('\n')).toMatch(/CoreDNS's kubernetes plugin/);
    expect(text({ type: 'flannel' }, 'absent')).toMatch(/names of Services are not served/);
    expect(text({ type: 'flannel' }, 'real')).not.toMatch(/dnsmasq/);
  });

  it('tells what of Docker there is on hosts, and only there', () => {
    const { real, sameMechanism, absent } = fidelity(planLab(dockerLab({ containers: [] })));
    expect(real.join('\n')).toMatch(/on every host with Docker/);
    expect(sameMechanism.join('\n')).toMatch(/dockerd 26\.1.*docker-proxy/);
    expect(absent.join('\n')).toMatch(/dockerd and images/);
    expect(text({ type: 'bridge' }, 'absent')).not.toMatch(/dockerd/);
  });

  it('says when neighbours are not learned', () => {
    const plan = smallPlan({ type: 'bridge' });
    expect(fidelity(plan).sameMechanism.join('\n')).not.toMatch(/permanent/);
    expect(fidelity(withPermanentNeighbours(plan)).sameMechanism.join('\n')).toMatch(/permanent, not learned/);
  });
});
