/** What the resources are given and what they tell, as Pulumi's state keeps it. JSON, and free of Pulumi: the provider's side reads it too. */
import type { LoadedLab } from '../lab/load-lab.ts';
import type { LabSpec, NodeRole } from '../topology/spec.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Report } from '../verify/report.ts';

/** What the resources have beside their own: the call into the package, which Pulumi adds. It does not add it to a resource that failed. */
export interface Called {
  readonly __provider?: string;
}

/** What a resource that failed must carry on, or nothing can be done with it any more. */
export function calledBy({ __provider }: Called): Called {
  return __provider === undefined ? {} : { __provider };
}

/** The name of a lab on this machine, held for one stack. */
export interface NameInputs extends Called {
  readonly lab: string;
  /** The stack and the component: `organization/project/stack/component`. */
  readonly owner: string;
}

export interface LabInputs extends NameInputs {
  readonly engine: string;
  /** The lab as JSON text: state and wire keep no order of keys, a text does. */
  readonly spec: string;
  readonly source: { readonly path: string; readonly sha256: string; readonly kind: LoadedLab['kind'] };
  readonly loadImages: readonly string[];
  readonly offline: boolean;
  readonly retain: boolean;
  /** 0: no limit. */
  readonly timeoutMs: number;
}

/** A node as it runs. */
export interface LabNode {
  /** `cluster/node`. */
  readonly id: string;
  readonly name: string;
  readonly role: NodeRole;
  readonly addresses: readonly string[];
}

/** A cluster as it runs. */
export interface LabClusterFacts {
  readonly name: string;
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly nodes: readonly LabNode[];
}

/** What is known of a lab that is up. */
export interface LabFacts {
  readonly clusters: readonly LabClusterFacts[];
  /** By cluster, with the credentials of an administrator; empty on engines without an API server. */
  readonly kubeconfigs: Readonly<Record<string, string>>;
  /** Another text whenever the lab was built or changed. */
  readonly revision: string;
  /** The machine that the lab is on. */
  readonly host: string;
  /** What is not as it was left, as `pulumi refresh` found it. */
  readonly drift: readonly string[];
}

export type LabOutputs = LabInputs & LabFacts;

/** What of a verification can be chosen in a program. */
export type VerificationOptions = Pick<VerifyOptions, 'profile' | 'suites' | 'attempts' | 'protocols' | 'families' | 'deadlineMs' | 'sample'> & {
  /** Regular expression over the ids of checks: only these run. */
  readonly only?: string;
  /** Regular expression over the ids of checks: these do not run. */
  readonly skip?: string;
};

export interface VerificationInputs extends Called {
  readonly lab: string;
  /** Of the lab: it is verified anew when this changes. */
  readonly revision: string;
  readonly options: VerificationOptions;
  /** fail: what does not pass fails the update. only: it is reported. */
  readonly report: 'fail' | 'only';
  /** Verifies anew when it changes. */
  readonly trigger: string;
}

export type VerificationOutputs = VerificationInputs & { readonly outcome: Report };

/** What stands for a value that a preview does not know yet, in what providers are given. Pulumi's own constant (sdk/nodejs/runtime/rpc.ts). */
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

/** Is all of it known? Not so in a preview, where a value comes from what does not exist yet. */
export function isKnown(inputs: unknown): boolean {
  return !JSON.stringify(inputs).includes(UNKNOWN);
}

/** The lab of inputs, in the form that the room `lab/` takes. */
export function loadedFrom({ spec, source }: Pick<LabInputs, 'spec' | 'source'>): LoadedLab {
  const input: unknown = JSON.parse(spec);
  return { ...source, input, spec: input as LabSpec, positionOf: () => null };
}
