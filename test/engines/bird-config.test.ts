import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { birdConfig } from '../../engines/netns/bird-config.ts';
import { findBird } from '../../engines/netns/find-servers.ts';
import type { NodePlan } from '../../topology/plan.ts';
import { smallPlan } from './compile-fixture.ts';

const plan = smallPlan({ type: 'calico', encapsulation: 'none', routeReflectors: ['worker1'] }, { workers: 2 });
const configOf = (name: string): string => {
  const node = plan.clusters[0]?.nodes.find((n: NodePlan) => n.name === name);
  if (node?.bgp === undefined || node.bgp === null) throw new Error(`${name} has no BGP`);
  return birdConfig(node, node.bgp);
};

describe('birdConfig', () => {
  it('a reflector reflects what its clients announce', () => {
    expect(configOf('worker1')).toMatch(/rr client;/);
    expect(configOf('worker1')).toMatch(/export filter \{ if proto = "blocks" \|\| source = RTS_BGP then accept; reject; \};/);
  });
  it('a client announces its own blocks only, to the reflector only', () => {
    expect(configOf('worker2').match(/neighbor/g)).toHaveLength(1);
    expect(configOf('worker2')).toMatch(/export filter \{ if proto = "blocks" then accept; reject; \};/);
  });
  it('one side of each pair waits', () => {
    const passive = (text: string): number => (text.match(/passive;/g) ?? []).length;
    expect(passive(configOf('control-plane1')) + passive(configOf('worker1')) + passive(configOf('worker2'))).toBe(2);
  });
  it.skipIf(findBird() === null)('is what BIRD takes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cnilab-bird-'));
    try {
      for (const name of ['control-plane1', 'worker1', 'worker2']) {
        writeFileSync(join(folder, name), configOf(name));
        expect(() => execFileSync(findBird() ?? '', ['-p', '-c', join(folder, name)], { stdio: 'pipe' })).not.toThrow();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
