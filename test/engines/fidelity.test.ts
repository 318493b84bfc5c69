import { describe, expect, it } from 'vitest';
import { fidelity } from '../../engines/netns/fidelity.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { smallPlan, withPermanentNeighbours } from './compile-fixture.ts';

const text = (cni: CniSpec, part: 'real' | 'sameMechanism' | 'absent'): string => fidelity(smallPlan(cni, { kubernetesVersion: '1.30' }))[part].join('\n');

describe('fidelity', () => {
  it.each<[string, CniSpec, 'real' | 'sameMechanism' | 'absent', RegExp]>([
    ['the plugins are real', { type: 'bridge' }, 'real', /containernetworking plugins/],
    ['nobody watches flannel', { type: 'flannel' }, 'absent', /flanneld/],
    ['host-gw leaves out --random-fully', { type: 'flannel', backend: 'host-gw' }, 'absent', /random-fully/],
    ['BIRD is real', { type: 'calico', encapsulation: 'none' }, 'real', /BIRD 2/],
    ['Felix is not there', { type: 'calico' }, 'absent', /Felix/],
    ['weave has no relaying and no sleeve', { type: 'weave' }, 'absent', /relaying.*sleeve/],
  ])('%s', (_name, cni, part, expected) => {
    expect(text(cni, part)).toMatch(expected);
  });

  it('claims nothing real of BGP where there is none', () => {
    expect(text({ type: 'calico' }, 'real')).not.toMatch(/BIRD/);
    expect(text({ type: 'flannel' }, 'absent')).not.toMatch(/random-fully/);
  });

  it('says when neighbours are not learned', () => {
    const plan = smallPlan({ type: 'bridge' });
    expect(fidelity(plan).sameMechanism.join('\n')).not.toMatch(/permanent/);
    expect(fidelity(withPermanentNeighbours(plan)).sameMechanism.join('\n')).toMatch(/permanent, not learned/);
  });
});
