/** The dynamic resources: a name that is held, a lab that runs. */
import * as pulumi from '@pulumi/pulumi';
import type { LabFacts, LabInputs, NameInputs } from './inputs.ts';
import { labProvider, nameProvider } from './thin-provider.ts';

/** Fields that a resource is given. */
export type Given<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** The name of a lab on this machine. It outlives the lab, so that whatever an interrupted update left is removed with it. */
export class LabName extends pulumi.dynamic.Resource {
  declare readonly lab: pulumi.Output<string>;
  declare readonly owner: pulumi.Output<string>;

  constructor(name: string, args: Given<NameInputs>, options: pulumi.CustomResourceOptions) {
    super(nameProvider, name, args, options, 'cnilab', 'Name');
  }
}

/** A lab that runs. */
export class RunningLab extends pulumi.dynamic.Resource {
  declare readonly lab: pulumi.Output<string>;
  declare readonly engine: pulumi.Output<string>;
  declare readonly clusters: pulumi.Output<LabFacts['clusters']>;
  declare readonly kubeconfigs: pulumi.Output<LabFacts['kubeconfigs']>;
  declare readonly revision: pulumi.Output<string>;
  declare readonly drift: pulumi.Output<LabFacts['drift']>;

  constructor(name: string, args: Given<LabInputs>, options: pulumi.CustomResourceOptions) {
    // Properties that are named and not given are what the provider tells.
    const told = { clusters: undefined, kubeconfigs: undefined, revision: undefined, drift: undefined, host: undefined };
    super(labProvider, name, { ...args, ...told }, { ...options, additionalSecretOutputs: ['kubeconfigs'] }, 'cnilab', 'Lab');
  }
}
