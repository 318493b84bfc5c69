import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import { lacking } from '../requires.ts';
import { startAgentLab } from './agent-lab.ts';

const reason = lacking('root', 'bird');
const underlay: readonly Op[] = [
  { op: 'netns', ns: 'a' },
  { op: 'netns', ns: 'b' },
  {
    op: 'veth',
    ns: 'a',
    name: 'eth0',
    mac: '02:00:00:00:00:0a',
    mtu: 1500,
    master: null,
    hairpin: false,
    peer: { ns: 'b', name: 'eth0', mac: '02:00:00:00:00:0b', mtu: 1500 },
  },
  { op: 'address', ns: 'a', dev: 'eth0', address: '172.18.0.1', prefixLength: 24 },
  { op: 'address', ns: 'b', dev: 'eth0', address: '172.18.0.2', prefixLength: 24 },
];

function bird(ns: 'a' | 'b', blocks: readonly string[]): Op {
  const [own, peer] = ns === 'a' ? [1, 2] : [2, 1];
  const text = `router id 172.18.0.${own};
protocol device {}
protocol direct { ipv4; }
protocol static { ipv4; ${blocks.map((block) => `route ${block} blackhole;`).join(' ')} }
protocol kernel { ipv4 { export all; }; }
protocol bgp peer { local 172.18.0.${own} as 64512; neighbor 172.18.0.${peer} as 64512; ${ns === 'b' ? 'passive;' : ''}
  connect delay time 1; connect retry time 1; error wait time 1,2; ipv4 { import all; export where source = RTS_STATIC; }; }
`;
  return { op: 'bird', ns, config: `/run/cnilab/${ns}/bird.conf`, text };
}
const wait = (ns: string, to: readonly string[], timeoutMs = 15_000): Op => ({ op: 'await-routes', ns, to, timeoutMs });

describe.skipIf(reason !== null)(`BIRD in the nodes${reason === null ? '' : ` (${reason})`}`, () => {
  it.each([false, true])('learns routes, outlives the agent, takes a new configuration, and is gone after undo (rootless: %s)', async (rootless) => {
    await using lab = await startAgentLab({ rootless });
    await lab.apply([
      ...underlay,
      bird('a', ['10.244.1.0/26']),
      bird('b', ['10.244.2.0/26']),
      wait('a', ['10.244.2.0/26']),
      wait('b', ['10.244.1.0/26', '10.244.2.0/26']),
    ]);
    expect((await lab.snapshot('a')).routes).toContainEqual(expect.objectContaining({ to: '10.244.2.0/26', via: '172.18.0.2', proto: 12 }));

    await lab.restart();
    const processes = await lab.sh('a', 'cat /run/cnilab/bird/*.pid');
    await lab.apply([bird('b', ['10.244.2.0/26', '10.244.9.0/26']), wait('a', ['10.244.9.0/26'])]);
    expect(await lab.sh('a', 'cat /run/cnilab/bird/*.pid')).toBe(processes);

    await expect(lab.apply([{ ...bird('b', []), text: 'router id nonsense;\n' } as Op])).rejects.toThrow(
      /^BIRD in b: BIRD rejects its new configuration: .*bird\.conf:1:\d+ syntax error/s,
    );
    await lab.apply([], [bird('a', [])]);
    expect(await lab.sh('a', 'ls /run/cnilab/bird; ip route show proto bird')).not.toMatch(/^a\.|10\.244/m);
    await lab.apply([], [{ op: 'netns', ns: 'b' }, bird('a', [])]);
    expect(await lab.sh('a', 'ls /run/cnilab/bird; pgrep -x bird || true')).toBe('');
  });

  it('says which routes are missing and what BIRD knows, and where a configuration is wrong', async () => {
    await using lab = await startAgentLab();
    await lab.apply([...underlay, bird('a', [])]);
    await expect(lab.apply([wait('a', ['172.18.0.0/24', '10.244.2.0/26'], 100)])).rejects.toThrow(
      /a still lacks 10\.244\.2\.0\/26 after 100 ms; BIRD there says:[^]*peer +BGP/,
    );
    await expect(lab.apply([wait('b', ['10.244.1.0/26'], 50)])).rejects.toThrow('no BIRD runs there');
    await expect(lab.apply([{ ...bird('b', []), text: 'protocol bgp {\n' } as Op])).rejects.toThrow(
      /BIRD in b: BIRD does not start \(it ended with exit code 1\): .*bird\.conf:\d+:\d+ syntax error/s,
    );
  });
});
