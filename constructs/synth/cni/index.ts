import { App } from 'cdk8s';
import type { RolloutTarget } from '../../../topology/artifacts.ts';
import { InternalError } from '../../../topology/errors.ts';
import type { KubernetesObject } from '../../../topology/spec.ts';
import { pluginsLacking } from '../../../topology/upstream.ts';
import { imagesOf, mapImages } from '../pod-spec.ts';
import { bridge } from './bridge.ts';
import { calico } from './calico.ts';
import type { CniCharts, CniManifestContext } from './context.ts';
import { flannel } from './flannel.ts';
import { kindnet } from './kindnet.ts';
import { weave } from './weave.ts';

export type { CniManifestContext } from './context.ts';

/** The objects of a cluster's CNI for a real Kubernetes. */
export interface CniManifests {
  /** In the order in which they are applied. A file with CustomResourceDefinitions holds nothing else: they must be established before the next one. */
  readonly files: readonly { readonly name: string; readonly objects: readonly KubernetesObject[] }[];
  readonly rollouts: readonly RolloutTarget[];
  /** CNI plugins that kind's node image lacks. */
  readonly plugins: readonly string[];
  /** Images of the objects, sorted. */
  readonly images: readonly string[];
}

/** The charts of every CNI. A new one is a file and a case here. */
function chartsOf(app: App, context: CniManifestContext): CniCharts {
  const { cni } = context.cluster;
  switch (cni.type) {
    case 'bridge':
      return bridge(app, cni, context);
    case 'flannel':
      return flannel(app, cni, context);
    case 'calico':
      return calico(app, cni, context);
    case 'weave':
      return weave(app, cni, context);
    case 'kindnet':
      return kindnet(app, cni, context);
    // The engines refuse them: the configuration of `raw` is the author's own, and so is what puts it on real nodes.
    case 'raw':
    case 'observed':
      throw new InternalError(`there are no manifests for the CNI ${cni.type}`);
  }
}

/**
 * Everything that makes a cluster's CNI run on a real Kubernetes, images mapped as the lab says.
 *
 * @throws LabError UPSTREAM_UNEXPECTED when the manifest of a CNI's project is not as it is known here
 */
export function cniManifests(context: CniManifestContext): CniManifests {
  const { charts, rollouts } = chartsOf(new App(), context);
  const files = charts.map((chart) => ({
    name: chart.node.id,
    objects: mapImages(chart.toJson() as readonly KubernetesObject[], context.plan.images),
  }));
  return { files, rollouts, plugins: pluginsLacking(context.cluster.cni), images: imagesOf(files.flatMap((file) => file.objects)) };
}
