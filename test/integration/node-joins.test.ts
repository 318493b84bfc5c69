/** A fourth node, as the lessons of flannel tell to add it: what the others learn while they run, that it is found when one of them does not, and that it leaves again. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DiagnosisReport } from '../../verify/diagnosis/document.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const why = lacking('netns', 'plugins');

const ROUTES = "ip route | grep '^10.244.* via '";
const OLD = ['control-plane1', 'worker1', 'worker2'] as const;

describe.skipIf(why !== null)(`a node joins${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.concurrent.for([
    ['flannel-vxlan', `${ROUTES}; ip neigh show dev flannel.1; bridge fdb show dev flannel.1`, 3],
    ['flannel-host-gw', ROUTES, 1],
  ] as const)('%s', { timeout: 180_000 }, async ([name, entries, perPeer]) => {
    await using place = new Place();
    cpSync(join(root, 'labs'), join(place.directory, 'labs'), { recursive: true });
    const file = join(place.directory, 'labs', `${name}.ts`);
    const text = readFileSync(file, 'utf8');
    const well = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await place.cnilab(args);
      expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
      return stdout;
    };
    const entriesOf = async (node: string): Promise<readonly string[]> =>
      (await well('exec', name, node, '--', 'sh', '-c', entries))
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .toSorted();
    const ofAll = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
      const found = new Map<string, readonly string[]>();
      for (const node of OLD) found.set(node, await entriesOf(node));
      return found;
    };

    await well('up', file);
    const before = await ofAll();
    expect([...before.values()].map((lines) => lines.length)).toEqual(OLD.map(() => 2 * perPeer));

    // Packets go on to pass while it joins.
    const pinged = well('exec', name, 'web-worker1', '--', 'sh', '-c', 'ping -q -i 0.1 -c 100 10.244.2.2');
    writeFileSync(file, text.replace('workers: 2', 'workers: 3'));
    await well('up', file);
    expect(await pinged).toContain(' 0% packet loss');

    const joined = await ofAll();
    const added = new Map(OLD.map((node) => [node, (joined.get(node) ?? []).filter((line) => !(before.get(node) ?? []).includes(line))]));
    for (const node of OLD) {
      expect(joined.get(node), node).toEqual(expect.arrayContaining([...(before.get(node) ?? [])]));
      expect(added.get(node), node).toHaveLength(perPeer);
      expect(added.get(node), node).toContainEqual(expect.stringMatching(/^10\.244\.3\.0\/24 via /));
    }
    // What it is known by is the same everywhere.
    expect(new Set(OLD.map((node) => added.get(node)?.join('\n'))).size).toBe(1);
    expect(await entriesOf('worker3')).toHaveLength(3 * perPeer);
    expect(JSON.parse(await well('verify', name, '--json'))).toMatchObject({ verdict: 'pass' });
    expect(JSON.parse(await well('diagnose', name, '--json'))).toMatchObject({ found: false });

    // Who slept then is named, whoever it was.
    for (const node of OLD) {
      const route = added.get(node)?.find((line) => line.includes('/24 via ')) ?? '';
      await well('exec', name, node, '--', 'sh', '-c', `ip route del ${route}`);
      const { code, stdout } = await place.cnilab(['diagnose', name, '--json']);
      expect(code).toBe(1);
      const named = (JSON.parse(stdout) as DiagnosisReport).diagnoses.filter(({ confidence }) => confidence === 'certain');
      expect([...new Set(named.flatMap(({ where }) => where))]).toEqual([`c1/${node}`]);
      for (const { mend } of named) expect(mend).toContain('10.244.3.0/24');
      await well('exec', name, node, '--', 'sh', '-c', `ip route add ${route}`);
    }

    writeFileSync(file, text);
    await well('up', file);
    expect(await ofAll()).toEqual(before);
    await well('down', name);
    expect(place.leftovers()).toEqual([]);
  });
});
