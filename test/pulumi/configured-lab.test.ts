import { describe, expect, it } from 'vitest';
import { configuredLab, labNameOf } from '../../pulumi/configured-lab.ts';
import { secretsOf, withoutSecrets } from '../../pulumi/secrets.ts';
import { planLab } from '../../topology/plan-lab.ts';

const planned = (...given: Parameters<typeof configuredLab>): ReturnType<typeof planLab> => {
  const lab = configuredLab(...given);
  if (typeof lab === 'string') throw new Error('a path');
  return planLab('toSpec' in lab && typeof lab.toSpec === 'function' ? lab.toSpec() : (lab as never));
};

describe("the lab of a stack's configuration", () => {
  it.each(['bridge', 'flannel', 'calico', 'weave', 'kindnet'])('is a lab with %s', (cni) => {
    const { name, clusters } = planned('cnilab-dev', { cni, workers: 1, podsPerNode: 1 });
    expect(name).toBe('cnilab-dev');
    expect(clusters.map((cluster) => [cluster.cni.type, cluster.nodes.length, cluster.pods.length])).toEqual([[cni, 2, 2]]);
  });

  it('has flannel, two workers and two pods on every node where nothing is said', () => {
    expect(planned('x', {}).clusters.map((cluster) => [cluster.cni.type, cluster.nodes.length, cluster.pods.length])).toEqual([['flannel', 3, 6]]);
  });

  it('is the lab file where one is named', () => {
    expect(configuredLab('x', { lab: 'labs/three-requirements.ts', cni: 'weave' })).toBe('labs/three-requirements.ts');
  });

  it('lists the CNIs for one that is not known', () => {
    expect(() => configuredLab('x', { cni: 'cilium' })).toThrow('there is no CNI "cilium"');
  });

  it.each([
    ['cnilab', 'flannel', 'cnilab-flannel'],
    ['My.Project', 'PR_42', 'my-project-pr-42'],
    ['cnilab', 'a-stack-with-a-name-that-is-far-too-long', 'cnilab-a-stack-with-a-name-that-is-far-t'],
  ])('is named by project and stack: %s %s', (project, stack, name) => {
    expect(labNameOf(project, stack)).toBe(name);
  });
});

describe('secrets of a lab', () => {
  const spec = JSON.stringify({ name: 'x', clusters: [{ cni: { type: 'weave', password: 'correct-horse' } }, { cni: { type: 'bridge' } }] });
  it('are its passwords, struck out of every text', () => {
    expect(secretsOf(spec)).toEqual(['correct-horse']);
    expect(withoutSecrets('cni {"password":"correct-horse"}', spec)).toBe('cni {"password":"[secret]"}');
    expect(secretsOf('')).toEqual([]);
  });

  it('are what objects of kind Secret hold, too', () => {
    const objects = [
      { kind: 'Secret', data: { token: 'c2VzYW1l' }, stringData: { key: 'a "quoted"\nkey', part: 'key' } },
      { kind: 'ConfigMap', data: { colour: 'red' } },
    ];
    const text = JSON.stringify({ clusters: [{ objects }] });
    expect(secretsOf(text)).toEqual(['c2VzYW1l', 'a "quoted"\nkey', 'key']);
    const struck = withoutSecrets(`${text} a "quoted"\nkey`, text);
    for (const word of ['c2VzYW1l', 'quoted']) expect(struck).not.toContain(word);
    expect(struck).toContain('red');
  });
});
