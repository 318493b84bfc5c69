import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import type { KubernetesObject } from '../../../topology/spec.ts';

/** A file of objects that have their own names: its id is the name of the file, its objects keep the order in which they are added. */
export class ManifestChart extends Chart {
  constructor(scope: Construct, id: string) {
    super(scope, id, { disableResourceNameHashes: true });
  }

  /** Adds an object; two of one kind, namespace and name are refused by their construct id. */
  protected add(object: KubernetesObject): void {
    const { name, namespace = '' } = object.metadata;
    new ApiObject(this, [object.apiVersion, object.kind, namespace, name].join(' ').replaceAll('/', ' '), object);
  }
}
