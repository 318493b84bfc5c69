/** Programs in pods that run: one pod's trouble is its own. */
import { describe, expect, it } from 'vitest';
import { enterPods, longestMs, type Entry } from '../../engines/kubernetes/enter-pods.ts';
import { kubectlFor, type KubectlDeps } from '../../engines/kubernetes/kubectl.ts';
import type { KubernetesAccess } from '../../engines/port.ts';
import type { FinishedCommand } from '../../engines/run-command.ts';

const access: KubernetesAccess = { cluster: 'lab', kubeconfig: null, context: null, onNode: null };
const entry = (pod: string): Entry => ({ namespace: 'default', pod, container: 'main', argv: ['sh'], input: 'true', timeoutMs: 1000 });
const entries = ['a', 'b', 'c', 'd', 'e'].map(entry);

async function entered(
  answers: Readonly<Record<string, Partial<FinishedCommand>>>,
): Promise<{ readonly printed: string; readonly troubles: readonly string[]; readonly asked: readonly string[] }> {
  const { signal } = new AbortController();
  const asked: string[] = [];
  const troubles: string[] = [];
  const run: KubectlDeps['run'] = async (argv) => {
    const pod = argv.find((word) => answers[word] !== undefined || /^[a-e]$/.test(word)) ?? '';
    await new Promise((resolve) => setTimeout(resolve, pod === 'a' ? 0 : 20));
    asked.push(pod);
    return { exitCode: 0, stdout: pod, stderr: '', failure: '', ...answers[pod] };
  };
  const printed = await enterPods(kubectlFor(access, { run }), entries, { signal, onTrouble: ({ pod }, why) => troubles.push(`${pod}: ${why}`) });
  return { printed, troubles, asked };
}

describe('entering pods', () => {
  it('goes on to the others where one cannot be entered, may not be, or ends badly', async () => {
    const { printed, troubles, asked } = await entered({
      a: { exitCode: 1, stdout: '', stderr: 'Error from server (Forbidden): pods "a" is forbidden: User "u" cannot create resource' },
      b: { exitCode: 1, stdout: '', stderr: 'Unable to connect to the server: dial tcp 192.0.2.1:6443: i/o timeout' },
      c: { exitCode: 3, stderr: '' },
    });
    expect(asked.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(
      printed
        .split('\n')
        .filter((line) => line !== '')
        .toSorted(),
    ).toEqual(['c', 'd', 'e']);
    expect(troubles.toSorted()).toEqual([expect.stringMatching(/^a: .*refuses/), expect.stringMatching(/^b: .*does not answer/), 'c: exit code 3']);
  });
  it('keeps what was printed until the time was up', async () => {
    const { printed, troubles } = await entered({ b: { exitCode: 1, stdout: 'half', failure: 'took longer than 1000 ms' } });
    expect(printed.split('\n')).toContain('half');
    expect(troubles).toEqual(['b: took longer than 1000 ms']);
  });
  it('ends with an interrupt alone, and not before all that was begun has ended', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    const ended: string[] = [];
    const run: KubectlDeps['run'] = async (argv) => {
      const pod = argv.find((word) => /^[a-e]$/.test(word)) ?? '';
      await new Promise((resolve) => setTimeout(resolve, pod === 'c' ? 80 : 20));
      ended.push(pod);
      return { exitCode: 0, stdout: '', stderr: '', failure: '' };
    };
    const { signal } = controller;
    await expect(enterPods(kubectlFor(access, { run }), entries, { signal, onTrouble: () => {} })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      // Nothing is claimed of what was started in pods.
      hint: expect.stringContaining('probes in pods of a lab end by themselves') as string,
    });
    expect(ended).toEqual(['a', 'b', 'c']);
  });
  it('takes no longer than it says', () => {
    expect(longestMs([])).toBe(0);
    expect(longestMs([entry('a')])).toBeGreaterThanOrEqual(1000);
    // Three at once: five of a second take two of them.
    expect(longestMs(entries)).toBeGreaterThanOrEqual(2000);
    expect(longestMs(entries)).toBeLessThanOrEqual(3000);
  });
});
