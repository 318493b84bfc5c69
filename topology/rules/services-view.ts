/** The Services of a cluster as their author wrote them, for the rules. */
import type { Diagnostic } from '../diagnostic.ts';
import { recordOf, type Json } from '../json.ts';
import { isService } from '../services/cluster-services.ts';
import { readService, type ServiceSource } from '../services/read-service.ts';
import type { KubernetesObject } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import type { ClusterView } from './lab-view.ts';

export interface ServiceView {
  readonly object: KubernetesObject;
  /** The spec as written. */
  readonly spec: Json;
  /** The spec with the API server's defaults. */
  readonly source: ServiceSource;
  /** `Service shop/web`. */
  readonly what: string;
  /** Place of the spec in the lab. */
  readonly path: Path;
}

/** The Services of a cluster in their order. */
export function servicesOf(cluster: ClusterView): readonly ServiceView[] {
  return (cluster.spec.objects ?? []).flatMap((object, i): readonly ServiceView[] => {
    if (!isService(object)) return [];
    const source = readService(object);
    return [
      {
        object,
        spec: recordOf(object['spec']),
        source,
        what: `Service ${source.namespace}/${source.name}`,
        path: [...cluster.path, 'objects', i, 'spec'],
      },
    ];
  });
}

/** A value that the API server refuses, in its words: `Invalid value: 80: must be …`. */
export function invalid(code: string, service: ServiceView, at: Path, value: unknown, reason: string, hint: string): Diagnostic {
  return problem(code, [...service.path, ...at], `${service.what}: Invalid value: ${JSON.stringify(value)}: ${reason}`, hint);
}
