import { traitsOf } from '../../../topology/cni/index.ts';
import type { EnvVar, Secret } from '../kubernetes-types.ts';
import { apiServerEnv, type CniManifestContext, type CniPlanOf, type CniSynth } from './context.ts';
import type { ManifestPatch } from './patch.ts';
import { ObjectsChart, upstreamObjects } from './upstream-chart.ts';

const NAMESPACE = 'kube-system';
const DAEMON_SET = 'weave-net';
const SECRET = { name: 'weave-passwd', key: 'weave-passwd' } as const;

/** Containers of the DaemonSet, their images, and whether they ask the API. */
const CONTAINERS = [
  { container: 'weave-init', repository: 'rajchaudhuri/weave-kube', asks: false },
  { container: 'weave', repository: 'rajchaudhuri/weave-kube', asks: true },
  { container: 'weave-npc', repository: 'rajchaudhuri/weave-npc', asks: true },
] as const;

function patches(cni: CniPlanOf<'weave'>, context: CniManifestContext): readonly ManifestPatch[] {
  const network: readonly EnvVar[] = [
    { name: 'IPALLOC_RANGE', value: cni.range },
    { name: 'WEAVE_MTU', value: String(cni.mtuBytes) },
    ...(cni.sleeve === true ? [{ name: 'WEAVE_NO_FASTDP', value: 'true' }] : []),
    ...(cni.password === '' ? [] : [{ name: 'WEAVE_PASSWORD', valueFrom: { secretKeyRef: SECRET } }]),
  ];
  const api = apiServerEnv(context);
  return [
    { op: 'annotate', daemonSet: DAEMON_SET, annotations: { 'cnilab.dev/experimental': traitsOf('weave').experimental } },
    // The manifest names the tag `latest`, which is another image tomorrow.
    ...CONTAINERS.map(({ container, repository }) => ({ op: 'image', daemonSet: DAEMON_SET, container, repository, tag: cni.version }) as const),
    { op: 'env', daemonSet: DAEMON_SET, container: 'weave', added: network },
    ...(api.length === 0
      ? []
      : CONTAINERS.filter(({ asks }) => asks).map(({ container }) => ({ op: 'env', daemonSet: DAEMON_SET, container, added: api }) as const)),
  ];
}

const secret = (password: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: SECRET.name, namespace: NAMESPACE },
  type: 'Opaque',
  stringData: { [SECRET.key]: password },
});

/** The manifests of Weave Net: those of the fork, patched. */
export const weave: CniSynth<'weave'> = (app, cni, context) => ({
  charts: [
    new ObjectsChart(app, 'weave', [...(cni.password === '' ? [] : [secret(cni.password)]), ...upstreamObjects(cni, context.upstream, patches(cni, context))]),
  ],
  rollouts: [{ kind: 'DaemonSet', namespace: NAMESPACE, name: DAEMON_SET }],
});
