import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dockerRules } from '../../engines/netns/docker/rules.ts';
import { restoreText } from '../../engines/netns/compile-rules.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { dockerLab } from '../topology/docker-fixture.ts';

/** `table line`, in order; the policy of a built-in chain is a line too. */
function lines(text: string): readonly string[] {
  let table = '';
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1);
    const policy = /^:(\S+) (DROP)/.exec(line);
    if (policy !== null) return [`${table} -P ${policy[1] ?? ''} DROP`];
    if (line.startsWith(':DOCKER')) return [`${table} -N ${line.slice(1).split(' ')[0] ?? ''}`];
    return line.startsWith('-A') ? [`${table} ${line}`] : [];
  });
}

/** Chains are compared in their inner order; which of them is listed first means nothing. */
const chainOf = (line: string): string => line.split(' ').slice(0, 3).join(' ');

describe('rules of a Docker host', () => {
  it('are those that dockerd 26.1.5 wrote for the same networks and containers, chain by chain in the same order', () => {
    const plan = planLab(
      dockerLab({
        networks: [{ name: 'shop', subnet: '172.19.0.0/16', bridge: 'br-c33a1d62c8d8' }],
        containers: [
          {
            name: 'dka',
            ports: [
              { hostPort: 9000, containerPort: 9, protocol: 'udp', listenAddress: '127.0.0.1' },
              { hostPort: 8000, containerPort: 8080 },
            ],
          },
          { name: 'dkb', network: 'shop', ports: [{ hostPort: 8081, containerPort: 80 }] },
        ],
      }),
    );
    const docker = plan.machines.find(({ id }) => id === 'box')?.docker;
    if (docker === undefined) throw new Error('no Docker on box');
    const captured = lines(readFileSync(fileURLToPath(new URL('captured/docker-26.1.5.txt', import.meta.url)), 'utf8'));
    const byChain = (all: readonly string[]): readonly string[] => all.toSorted((a, b) => chainOf(a).localeCompare(chainOf(b)));
    expect(captured.length).toBeGreaterThan(30);
    expect(byChain(lines(restoreText(dockerRules(docker))))).toEqual(byChain(captured));
  });
});
