/** A machine under the kind engine: containers and API objects that are only remembered, behind the one function that runs programs. Files are real. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { KindDeps } from '../../engines/kind/kind-deps.ts';
import type { CommandOptions, FinishedCommand } from '../../engines/run-command.ts';
import { ARTIFACTS_SCHEMA, type ArtifactSet, type RolloutTarget } from '../../topology/artifacts.ts';
import type { LabPlan } from '../../topology/plan.ts';

export interface FakeContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string }[];
}

export interface FakeOptions {
  /** The call of a program with this number fails, after having done half of its work. */
  readonly failAt?: number;
  /** Called when kind begins, before it has made anything. */
  readonly onKind?: (machine: FakeKind) => void;
  /** kind never ends by itself. */
  readonly kindHangs?: boolean;
  readonly createWithinMs?: number;
  /** Only the balancer was made before kind failed. */
  readonly onlyBalancer?: boolean;
  readonly images?: readonly string[];
  readonly routes?: string;
}

export interface FakeKind {
  readonly deps: KindDeps;
  readonly containers: Map<string, FakeContainer>;
  /** Every program that was run, in order. */
  readonly log: string[];
  /** What the API server was given to delete. */
  readonly deleted: string[];
  /** A cluster that somebody else made. */
  addForeign(cluster: string): void;
  stop(name: string): void;
}

const IMAGE = 'kindest/node:v1.34.4';
const done = (stdout = ''): FinishedCommand => ({ exitCode: 0, stdout, stderr: '', failure: '' });
const failed = (stderr: string): FinishedCommand => ({ exitCode: 1, stdout: '', stderr, failure: '' });

export function fakeKind(folder: string, rollouts: readonly RolloutTarget[], options: FakeOptions = {}): FakeKind {
  const containers = new Map<string, FakeContainer>();
  const log: string[] = [];
  const deleted: string[] = [];
  let nextId = 1;

  const add = (cluster: string, name: string, role: string, directory: string | null): void => {
    const Id = `id${nextId++}`;
    containers.set(Id, {
      Id,
      Name: `/${name}`,
      Created: new Date().toISOString(),
      State: { Running: true },
      Config: { Labels: { 'io.x-k8s.kind.cluster': cluster, 'io.x-k8s.kind.role': role } },
      Mounts: directory === null ? [] : [{ Source: join(directory, 'owner'), Destination: '/etc/cnilab-owner' }],
    });
  };

  /** The names of the nodes are those in the lab's files; `half`: it fails after the first. */
  const create = async (argv: readonly string[], { cwd = '', signal, onStderrLine }: CommandOptions, half: boolean): Promise<FinishedCommand> => {
    const cluster = argv[argv.indexOf('--name') + 1] ?? '';
    if ([...containers.values()].some(({ Config }) => Config.Labels['io.x-k8s.kind.cluster'] === cluster)) {
      return failed(`ERROR: failed to create cluster: node(s) already exist for a cluster with the name "${cluster}"`);
    }
    onStderrLine?.(' • Preparing nodes 📦 📦   ...');
    if (options.onlyBalancer === true) {
      add(cluster, `${cluster}-external-load-balancer`, 'external-load-balancer', null);
      return failed('ERROR: failed to create cluster: out of luck');
    }
    const { clusters } = JSON.parse(readFileSync(join(cwd, 'artifacts.json'), 'utf8')) as ArtifactSet;
    const nodes = clusters.find(({ engineName }) => engineName === cluster)?.nodes ?? [];
    const isWorker = (name: string): boolean => name.includes('worker');
    for (const { name } of nodes.slice(0, half ? 1 : undefined)) add(cluster, name, isWorker(name) ? 'worker' : 'control-plane', cwd);
    if (!half && nodes.filter(({ name }) => !isWorker(name)).length > 1) add(cluster, `${cluster}-external-load-balancer`, 'external-load-balancer', null);
    if (options.kindHangs === true) {
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
      return { exitCode: 1, stdout: '', stderr: '', failure: 'was killed' };
    }
    if (half) return failed('ERROR: failed to create cluster: half way');
    onStderrLine?.(' ✓ Preparing nodes 📦 📦');
    writeFileSync(argv[argv.indexOf('--kubeconfig') + 1] ?? '', 'kubeconfig of the fake\n', { mode: 0o600 });
    return done();
  };

  const api = (args: readonly string[], input: string): FinishedCommand => {
    if (args.includes('delete')) {
      const { items } = JSON.parse(input) as { readonly items: readonly { readonly kind: string; readonly metadata: { readonly name: string } }[] };
      deleted.push(...items.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
      return done();
    }
    if (!args.includes('get')) return done();
    const nodes = [...containers.values()].map(({ Name }) => ({
      kind: 'Node',
      metadata: { name: Name.slice(1) },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    }));
    const workloads = rollouts.map(({ kind, namespace, name }) => ({
      kind,
      metadata: { namespace, name, generation: 1 },
      spec: { replicas: 1 },
      status: {
        observedGeneration: 1,
        replicas: 1,
        updatedReplicas: 1,
        availableReplicas: 1,
        readyReplicas: 1,
        desiredNumberScheduled: 1,
        updatedNumberScheduled: 1,
        numberAvailable: 1,
      },
    }));
    return done(JSON.stringify({ items: [...nodes, ...workloads] }));
  };

  const answer = async (argv: readonly string[], given: CommandOptions, fails: boolean): Promise<FinishedCommand> => {
    const [program, verb = '', ...rest] = argv;
    if (program === 'kind' && verb === 'create') {
      options.onKind?.(machine);
      return await create(argv, given, fails);
    }
    if (fails) return failed(`step ${options.failAt} failed`);
    if (program === 'kind') return done(verb === 'version' ? 'kind v0.33.0 go1.26.8 linux/amd64\n' : '');
    if (program === 'ip') return done(options.routes ?? '[]');
    if (program === 'df') return done('Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/x 1 1 90000000 1% /\n');
    if (program === 'kubectl') return verb === 'version' ? done('{"clientVersion":{"gitVersion":"v1.34.4"}}') : api([verb, ...rest], given.input ?? '');
    switch (verb) {
      case 'info':
        return done(JSON.stringify({ ServerVersion: '27.1.0', CgroupVersion: '2', MemTotal: 32e9, DockerRootDir: '/var/lib/docker' }));
      case 'ps':
        return done([...containers.keys()].join('\n'));
      case 'inspect':
        return done(JSON.stringify([...containers.values()].filter(({ Id }) => rest.includes(Id))));
      case 'rm':
        for (const id of rest) containers.delete(id);
        return done();
      case 'image':
        return [IMAGE, ...(options.images ?? [])].includes(rest.at(-1) ?? '') ? done('sha256:1\n') : failed('No such image');
      case 'network':
        return done(rest[0] === 'ls' ? 'n1\n' : NETWORKS);
      default:
        return done();
    }
  };

  const machine: FakeKind = {
    deps: {
      run: async (argv, given = {}) => {
        await Promise.resolve();
        log.push(argv.join(' '));
        return await answer(argv, given, log.length - 1 === options.failAt);
      },
      readText: async () => await Promise.resolve(null),
      findPlugin: () => process.execPath,
      portInUse: async () => await Promise.resolve(false),
      endProcesses: async () => await Promise.resolve({ ended: 0, complete: false }),
      evidenceDirectory: () => join(folder, 'evidence'),
      readyWithinMs: 1000,
      createWithinMs: options.createWithinMs ?? 60_000,
    },
    containers,
    log,
    deleted,
    addForeign: (cluster) => {
      add(cluster, `${cluster}-control-plane`, 'control-plane', '/somebody/else');
    },
    stop: (name) => {
      for (const [id, container] of containers) if (container.Name === `/${name}`) containers.set(id, { ...container, State: { Running: false } });
    },
  };
  return machine;
}

const NETWORKS = JSON.stringify([
  { Name: 'kind', IPAM: { Config: [{ Subnet: '172.18.0.0/16' }] } },
  { Name: 'host', IPAM: { Config: null } },
]);

/** Files of a lab, small and without meaning to anybody but the fake. */
export function fakeArtifacts(plan: LabPlan, more: Readonly<Record<string, string>> = {}): ArtifactSet {
  const several = plan.clusters.length > 1;
  const clusters = plan.clusters.map((cluster) => {
    const engineName = `cnilab-${plan.name}${several ? `-${cluster.name}` : ''}`;
    const folder = several ? `${cluster.name}/` : '';
    return {
      name: cluster.name,
      engineName,
      config: `${folder}kind.yaml`,
      cni: [`${folder}cni/00-crds.yaml`, `${folder}cni/01-flannel.yaml`],
      workloads: [`${folder}workloads/00-web.yaml`, ...Object.keys(more).map((name) => `${folder}workloads/${name}`)],
      verify: [],
      cniRollouts: [{ kind: 'DaemonSet' as const, namespace: 'kube-flannel', name: 'kube-flannel-ds' }],
      nodes: cluster.nodes.map(({ name, role }, i) => ({ plan: name, name: `${engineName}-${role}${i < 2 ? '' : i}` })),
      plugins: ['bridge'],
    };
  });
  const text = (path: string): string =>
    more[path.split('/').at(-1) ?? ''] ?? (path.includes('crds') ? 'apiVersion: v1\nkind: CustomResourceDefinition\n' : `# ${path} of ${plan.name}\n`);
  const paths = clusters.flatMap(({ config, cni, workloads }) => [config, ...cni, ...workloads]).toSorted();
  return {
    schema: ARTIFACTS_SCHEMA,
    lab: plan.name,
    engine: 'kind',
    files: paths.map((path) => ({ path, content: text(path), sha256: createHash('sha256').update(text(path)).digest('hex') })),
    clusters,
    images: ['registry.k8s.io/e2e-test-images/agnhost:2.53'],
    nodeImages: [IMAGE],
  };
}
