/** A world of Pulumi without an engine: what was declared, and answers that the real providers would give. */
import * as pulumi from '@pulumi/pulumi';
import type { LabCluster } from '../../pulumi/lab-cluster.ts';
import type { LabFacts } from '../../pulumi/inputs.ts';

export interface Declared {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly provider: string;
}

export const facts: LabFacts = {
  clusters: [
    {
      name: 'c1',
      podCIDRs: ['10.244.0.0/16'],
      serviceCIDRs: ['10.96.0.0/16'],
      nodes: [{ id: 'c1/worker1', name: 'worker1', role: 'worker', addresses: ['172.30.0.3'] }],
    },
  ],
  kubeconfigs: { c1: 'the credentials of c1' },
  revision: 'first',
  host: 'here',
  drift: [],
};

/** Declares a component, and waits until it knows all about itself. */
export async function declare(make: () => LabCluster, preview = false): Promise<{ readonly made: LabCluster; readonly declared: readonly Declared[] }> {
  const declared: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, provider, id }) => {
        declared.push({ type, name, inputs: inputs as Record<string, unknown>, provider: provider ?? '' });
        const told = type.endsWith(':Lab') ? facts : type.endsWith(':Verification') ? { outcome: { verdict: 'pass', requirements: [] } } : {};
        return { id: id ?? `${name}-id`, state: { ...(inputs as object), ...told } };
      },
      call: () => ({}),
    },
    'labs',
    'dev',
    preview,
    'team',
  );
  const made = make();
  await Promise.all([valueOf(made.report), valueOf(made.revision)]);
  return { made, declared };
}

/** The value of an output, once it is known. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => {
      resolve(value as T);
      return value;
    });
  });
}
