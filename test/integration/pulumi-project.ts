/** A project of a user of Pulumi: a folder with the package installed, a stack in files, and programs run through the Automation API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabClusterArgs } from '../../pulumi/lab-cluster.ts';
import { Place, root } from './cnilab.ts';

/** What the Automation API gave, and what the CLI said. */
export interface Ran {
  readonly ok: boolean;
  /** Kind and text of what was thrown; ''. */
  readonly error: string;
  readonly said: string;
  readonly outputs: Readonly<Record<string, { readonly value: unknown; readonly secret: boolean }>>;
  /** create, update, replace, delete, same → number of resources. */
  readonly changes: Readonly<Record<string, number>>;
}

/** A resource in the state of a stack. */
export interface StateResource {
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

// Plain JavaScript, as a user would write it: what the test runner makes of a module could not be serialised.
const PROGRAM = `import { writeFileSync } from 'node:fs';
import { LocalWorkspace } from '@pulumi/pulumi/automation/index.js';
import { LabCluster } from 'cnilab/pulumi';

const [verb, args, result] = process.argv.slice(2);
let said = '';
const onOutput = (text) => { said += text; };
const program = async () => {
  const lab = new LabCluster('one', JSON.parse(args));
  const { nodeAddresses, podCIDRs, serviceCIDRs, kubeconfig, revision, report } = lab;
  return { nodeAddresses, podCIDRs, serviceCIDRs, kubeconfig, revision, verdict: report.apply((each) => each?.verdict ?? null) };
};
const keep = (outcome) => writeFileSync(result, JSON.stringify({ ok: true, error: '', said, outputs: {}, changes: {}, ...outcome }));
try {
  const stack = await LocalWorkspace.createOrSelectStack({ stackName: 'dev', projectName: 'labs', program }, { workDir: process.cwd() });
  const { outputs = {}, summary, changeSummary } = (await stack[verb]({ onOutput, color: 'never' })) ?? {};
  keep({ outputs, changes: summary?.resourceChanges ?? changeSummary });
} catch (error) {
  keep({ ok: false, error: error.constructor.name + ': ' + error.message });
}
`;

export class PulumiProject implements AsyncDisposable {
  readonly place: Place;
  readonly folder: string;
  /** Changes and additions to the environment of the programs. */
  readonly environment: NodeJS.ProcessEnv;
  #runs = 0;

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.place = new Place();
    this.folder = join(this.place.directory, 'project');
    mkdirSync(join(this.folder, 'node_modules'), { recursive: true });
    mkdirSync(join(this.place.directory, 'stacks'));
    symlinkSync(root, join(this.folder, 'node_modules/cnilab'));
    symlinkSync(join(root, 'node_modules/@pulumi'), join(this.folder, 'node_modules/@pulumi'));
    writeFileSync(join(this.folder, 'program.mjs'), PROGRAM);
    writeFileSync(join(this.folder, 'package.json'), '{"name":"labs","private":true,"type":"module"}');
    this.environment = {
      ...this.place.environment,
      PULUMI_BACKEND_URL: `file://${join(this.place.directory, 'stacks')}`,
      PULUMI_CONFIG_PASSPHRASE: 'a passphrase for tests',
      PULUMI_HOME: join(this.place.directory, 'pulumi-home'),
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      NODE_PATH: join(this.folder, 'node_modules'),
      ...environment,
    };
  }

  /** Writes a lab file in the project, and returns its name. */
  lab(text: string, name = 'lab.yaml'): string {
    writeFileSync(join(this.folder, name), text);
    return name;
  }

  /** Starts a program; `result` is read by {@link outcome} once it has ended. */
  start(verb: 'preview' | 'up' | 'refresh' | 'destroy' | 'cancel', args: LabClusterArgs): { readonly child: ChildProcess; readonly result: string } {
    this.#runs += 1;
    const result = join(this.place.directory, `result-${this.#runs}.json`);
    const argv = ['program.mjs', verb, JSON.stringify(args), result];
    return { child: spawn(process.execPath, argv, { cwd: this.folder, env: this.environment, stdio: ['ignore', 'ignore', 'inherit'] }), result };
  }

  /** Runs a program to its end. */
  async run(...what: Parameters<PulumiProject['start']>): Promise<Ran> {
    const { child, result } = this.start(...what);
    await new Promise((resolve) => {
      child.on('close', resolve);
    });
    return JSON.parse(readFileSync(result, 'utf8')) as Ran;
  }

  /** A resource in the stack's state as it is on disk, by the end of its type. */
  inState(kind: string): StateResource | undefined {
    const text = readFileSync(join(this.place.directory, 'stacks/.pulumi/stacks/labs/dev.json'), 'utf8');
    const { checkpoint } = JSON.parse(text) as { readonly checkpoint: { readonly latest: { readonly resources?: readonly StateResource[] } } };
    return checkpoint.latest.resources?.find(({ type }) => type.endsWith(`:${kind}`));
  }

  /** Everything that Pulumi keeps: the state, its backups and its history. */
  kept(): string {
    const folder = join(this.place.directory, 'stacks');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n');
  }

  /** Processes that a child started, and theirs, that still run. */
  descendants(of: number): readonly number[] {
    const parents = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          return [[Number(pid), Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])] as const];
        } catch {
          return [];
        }
      });
    const below = (pid: number): readonly number[] => parents.filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
    return below(of);
  }

  /** Labs that have a directory. */
  labs(): readonly string[] {
    const folder = join(this.place.directory, 'state/cnilab/labs');
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
