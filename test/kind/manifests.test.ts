/** Every manifest of every CNI, and the objects of a verification, as a real API server reads them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verificationObjects, targetsConfigMap } from '../../constructs/synth/verification/index.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { AGNHOST_IMAGE } from '../../topology/workloads.ts';
import { everyCni, manifestsOf } from '../every-cni.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { noUpstream, upstreamHere } from '../upstream-here.ts';
import { RealLab } from './real.ts';

const why = lacking('kind', 'plugins');
const UPSTREAM: ReadonlySet<string> = new Set(['calico', 'weave']);

describe.skipIf(why !== null)(`manifests before a real API server${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  let kubeconfig: string;

  beforeAll(async () => {
    place = new Place();
    const lab = await RealLab.create(place, 'real-manifests', 'name: real-manifests\nclusters:\n  - name: c1\n    workers: 0\n    cni: { type: bridge }\n');
    kubeconfig = await lab.kubeconfig();
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  const kubectl = (words: readonly string[], objects: readonly KubernetesObject[]): string => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { status, stdout, stderr } = spawnSync('kubectl', ['--kubeconfig', kubeconfig, ...words, '--filename', '-'], {
      input,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    return status === 0 ? '' : `${stdout}${stderr}`;
  };
  const made = new Set<string>();
  /** What a dry run cannot do without is made for real, once: namespaces, and the types of what follows. */
  const accepted = (objects: readonly KubernetesObject[]): string => {
    const needed = objects.filter((object) => object.kind === 'Namespace' || object.kind === 'CustomResourceDefinition');
    const rest = objects.filter((object) => !needed.includes(object));
    const real = needed.filter((object) => !made.has(JSON.stringify(object)));
    const problems = real.length === 0 ? '' : kubectl(['apply', '--server-side', '--force-conflicts'], real);
    for (const object of real) made.add(JSON.stringify(object));
    const crds = real.filter((object) => object.kind === 'CustomResourceDefinition').map((object) => `crd/${object.metadata.name}`);
    if (crds.length > 0) execFileSync('kubectl', ['--kubeconfig', kubeconfig, 'wait', '--for=condition=Established', '--timeout=60s', ...crds]);
    return problems + (rest.length === 0 ? '' : kubectl(['apply', '--server-side', '--force-conflicts', '--dry-run=server'], rest));
  };

  const isOthers = ({ plan }: (typeof everyCni)[number]): boolean => UPSTREAM.has(plan.clusters[0]?.cni.type ?? '');
  const problemsOf = async ({ plan }: (typeof everyCni)[number]): Promise<string> => {
    const { files } = manifestsOf(plan, await upstreamHere([plan]));
    const objects = files.flatMap((file) => file.objects);
    // kind brings its own.
    if ((objects.length === 0) !== (plan.clusters[0]?.cni.type === 'kindnet')) return `${objects.length} objects`;
    return accepted(objects);
  };

  it.each(everyCni.filter((one) => !isOthers(one)))('$name', async (one) => {
    expect(await problemsOf(one)).toBe('');
  });
  it.skipIf(noUpstream !== null).each(everyCni.filter(isOthers))(`$name${noUpstream === null ? '' : ` (skipped: ${noUpstream})`}`, async (one) => {
    expect(await problemsOf(one)).toBe('');
  });

  it('refuses what is wrong', () => {
    expect(accepted([{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'wrong', namespace: 'default' }, spec: { template: {} } }])).toMatch(
      /invalid|required/i,
    );
  });

  it.each([
    { name: 'one Job for each requirement and node', nodes: 3, perNode: null, shardSize: null },
    { name: 'Indexed Jobs', nodes: 120, perNode: 12, shardSize: 50 },
  ])('the objects of a verification: $name', ({ nodes, perNode, shardSize }) => {
    const namespace = 'cnilab-verify-dry';
    const names = Array.from({ length: nodes }, (_, i) => `node-${i}`);
    const made = verificationObjects({
      lab: 'dry',
      namespace,
      nodes: names,
      families: ['ipv4', 'ipv6'],
      attempts: 3,
      deadlineMs: 1000,
      image: AGNHOST_IMAGE,
      profile: 'classic',
      perNode,
      shardSize,
    });
    const lines = names.map((node, index) => ({ index, node, pod: `responder-${index}`, podIPs: ['10.244.0.9'], nodeIPs: ['172.18.0.9'], nobody: [] }));
    const objects = [made.namespace, ...made.permissions, ...made.responders, made.script, targetsConfigMap({ lab: 'dry', namespace, lines }), ...made.jobs];
    expect(accepted(objects)).toBe('');
  });
});
