import * as pulumi from '@pulumi/pulumi';
import { asLoaded, type LabInput } from '../lab/api.ts';
import { loadEngine } from '../lab/load-engine.ts';
import { withOverrides } from '../lab/overrides.ts';
import { lockOf, synthesize } from '../lab/synth.ts';
import { renderDiff } from '../report/diff-text.ts';
import { renderPlan } from '../report/plan-text.ts';
import { plainStyle } from '../report/style.ts';
import type { ArtifactSet } from '../topology/artifacts.ts';
import type { Report } from '../verify/report.ts';
import type { LabClusterFacts, LabInputs } from './inputs.ts';
import { declareManifests, kubeconfigIn } from './manifests.ts';
import { plannedChange, type PlannedChange } from './provider/planned-change.ts';
import { textOf } from './provider/say.ts';
import { LabName, RunningLab } from './resources.ts';
import { secretsOf, withoutSecrets } from './secrets.ts';
import { Verification, type VerificationArgs } from './verification.ts';

export interface LabClusterArgs {
  /** The path of a lab file, a lab construct, or plain JSON of a lab; or a promise of one. */
  readonly lab: LabInput | Promise<LabInput>;
  /** @default netns */
  readonly engine?: string;
  /** kind: image of every node; its tag is the Kubernetes version of clusters that name none. vm: absolute path of the folder of a prepared disk, or URL@sha256:HEX of a cloud image. @default as the lab says */
  readonly nodeImage?: string;
  /** Images by repository, over those of the lab. */
  readonly images?: Readonly<Record<string, string>>;
  /** Images of this machine to load into the nodes. */
  readonly loadImages?: readonly string[];
  /** Nothing may be fetched. @default false */
  readonly offline?: boolean;
  /** Keep what there is of a lab that failed to come up, to be looked at; the next update or `pulumi destroy` removes it. @default false */
  readonly retain?: boolean;
  /** The lab must be up after that many milliseconds. @default no limit */
  readonly timeoutMs?: number;
  /** How the lab is verified; false: not at all. @default every check, and an update in which one fails, fails */
  readonly verification?: Omit<VerificationArgs, 'lab' | 'revision'> | false;
  /**
   * Who keeps the CNI and the workloads on engines with an API server, once the engine has brought them up. pulumi: children of @pulumi/kubernetes, which see what
   * changes behind their back. engine: the engine alone.
   * @default pulumi
   */
  readonly manifests?: 'pulumi' | 'engine';
}

interface Prepared {
  readonly inputs: LabInputs;
  readonly change: PlannedChange;
  /** The manifests of Pulumi's children; null where there are none. */
  readonly artifacts: ArtifactSet | null;
}

interface Children {
  readonly running: RunningLab;
  readonly verified: Verification | null;
}

async function prepare(args: LabClusterArgs, owner: string): Promise<Prepared> {
  const { engine: name = 'netns', nodeImage, images, loadImages = [], offline = false, retain = false, timeoutMs = 0 } = args;
  let spec = '';
  try {
    const loaded = withOverrides(await asLoaded(await args.lab), {
      ...(nodeImage === undefined ? {} : { nodeImage }),
      ...(images === undefined ? {} : { images }),
    });
    const { path, sha256, kind } = loaded;
    spec = JSON.stringify(loaded.input);
    const draft = { engine: name, spec, source: { path, sha256, kind } };
    const change = await plannedChange({ ...draft, lab: nameIn(loaded.input) }, loadEngine);
    const inputs: LabInputs = { ...draft, lab: change.plan.name, owner, loadImages, offline, retain, timeoutMs };
    const { artifacts: format } = await loadEngine(name);
    const wanted = format !== null && args.manifests !== 'engine';
    return { inputs, change, artifacts: wanted ? await synthesize(change.plan, format, { offline, ...lockOf(path) }) : null };
  } catch (error) {
    // Pulumi prints the stack of any other error.
    throw new pulumi.RunError(withoutSecrets(textOf(error), spec));
  }
}

/** The name that a lab gives itself; '' for what is no lab, which planning refuses. */
function nameIn(input: unknown): string {
  const name = typeof input === 'object' && input !== null && 'name' in input ? input.name : '';
  return typeof name === 'string' && /^[a-z0-9-]+$/.test(name) ? name : 'unnamed';
}

/** What will be, and against a running lab what changes and why. */
function planText({ inputs, change: { plan, running, diff } }: Prepared): string {
  const against = running !== null && diff !== null ? `against the running lab:\n${renderDiff(running.name, diff, plainStyle, '')}` : '';
  const planned = diff?.empty === true ? '' : `${renderPlan(plan, plainStyle)}\n`;
  return withoutSecrets(`${planned}${against}`, inputs.spec, JSON.stringify(running?.spec ?? {}));
}

/**
 * A lab as a component: the lab itself on its engine, its CNI and workloads where it has an API server, and its verification.
 *
 * @example
 * ```ts
 * import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
 * import { LabCluster } from 'cnilab/pulumi';
 *
 * const lab = new Lab({ name: 'two-workers' });
 * const cluster = new Cluster(lab, 'c1', { workers: 2, cni: new FlannelCni() });
 * new PodsPerNode(cluster, 'web', { count: 2 });
 *
 * const running = new LabCluster('two-workers', { lab });
 * export const nodes = running.nodeAddresses;
 * ```
 */
export class LabCluster extends pulumi.ComponentResource {
  /** Name of the lab, as `cnilab ls` lists it. */
  readonly lab: pulumi.Output<string>;
  readonly engine: pulumi.Output<string>;
  /** The clusters with their nodes, as they run. */
  readonly clusters: pulumi.Output<readonly LabClusterFacts[]>;
  /** Addresses of every node, by `cluster/node`. */
  readonly nodeAddresses: pulumi.Output<Readonly<Record<string, readonly string[]>>>;
  /** Of all clusters. */
  readonly podCIDRs: pulumi.Output<readonly string[]>;
  /** Of all clusters. */
  readonly serviceCIDRs: pulumi.Output<readonly string[]>;
  /** Of the first cluster, with the credentials of an administrator: a secret. Null on engines without an API server. */
  readonly kubeconfig: pulumi.Output<string | null>;
  /** By cluster: a secret. */
  readonly kubeconfigs: pulumi.Output<Readonly<Record<string, string>>>;
  /** The report of the verification; null where there is none. */
  readonly report: pulumi.Output<Report | null>;
  /** Another text whenever the lab was built or changed. */
  readonly revision: pulumi.Output<string>;
  /** What is not as it was left, as the last `pulumi refresh` found it. */
  readonly drift: pulumi.Output<readonly string[]>;

  constructor(name: string, args: LabClusterArgs, options?: pulumi.ComponentResourceOptions) {
    super('cnilab:index:LabCluster', name, {}, options);
    const owner = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}/${name}`;
    const declaring = prepare(args, owner).then((prepared) => this.#declare(name, args, prepared));
    const told = <T>(of: (children: Children) => pulumi.Output<T>): pulumi.Output<T> => pulumi.output(declaring.then(of)) as pulumi.Output<T>;
    const clusters = told(({ running }) => running.clusters);
    this.lab = told(({ running }) => running.lab);
    this.engine = told(({ running }) => running.engine);
    this.clusters = clusters;
    this.nodeAddresses = clusters.apply((all) => Object.fromEntries(all.flatMap(({ nodes }) => nodes.map(({ id, addresses }) => [id, addresses] as const))));
    this.podCIDRs = clusters.apply((all) => all.flatMap(({ podCIDRs }) => podCIDRs));
    this.serviceCIDRs = clusters.apply((all) => all.flatMap(({ serviceCIDRs }) => serviceCIDRs));
    this.kubeconfigs = told(({ running }) => running.kubeconfigs);
    this.kubeconfig = this.kubeconfigs.apply((texts) => Object.values(texts)[0] ?? null);
    this.report = told(({ verified }) => (verified === null ? pulumi.output(null) : verified.outcome));
    this.revision = told(({ running }) => running.revision);
    this.drift = told(({ running }) => running.drift);
    this.#registerOnceDeclared(declaring);
  }

  /** What cannot be prepared is an error once, not once for each child. */
  #registerOnceDeclared(declaring: Promise<Children>): void {
    const { lab, engine, clusters, nodeAddresses, podCIDRs, serviceCIDRs, kubeconfig, kubeconfigs, report, revision, drift } = this;
    const register = (): void =>
      this.registerOutputs({ lab, engine, clusters, nodeAddresses, podCIDRs, serviceCIDRs, kubeconfig, kubeconfigs, report, revision, drift });
    declaring.then(register, () => undefined);
  }

  async #declare(name: string, args: LabClusterArgs, prepared: Prepared): Promise<Children> {
    const { inputs, artifacts } = prepared;
    if (pulumi.runtime.isDryRun()) await pulumi.log.info(planText(prepared), this);
    const { lab, owner } = inputs;
    const held = new LabName(name, { lab, owner }, { parent: this });
    const spec = secretsOf(inputs.spec).length > 0 ? pulumi.secret(inputs.spec) : inputs.spec;
    const running = new RunningLab(name, { ...inputs, spec }, { parent: this, dependsOn: held });
    const declared =
      artifacts?.clusters.map((cluster) => {
        const kubeconfig = running.kubeconfigs.apply((texts) => kubeconfigIn(texts, cluster.name));
        return declareManifests({ name: `${name}-${cluster.name}`, cluster, artifacts, kubeconfig, parent: this, deletedWith: running });
      }) ?? [];
    const dependsOn = (await Promise.all(declared)).flat();
    const { verification = {} } = args;
    if (verification === false) return { running, verified: null };
    return { running, verified: new Verification(name, { ...verification, lab: running.lab, revision: running.revision }, { parent: this, dependsOn }) };
  }
}
