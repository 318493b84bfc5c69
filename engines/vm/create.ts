/** Bringing the machines of a lab up, and Kubernetes on them. Everything is found again by the incarnation's directory from before the first process on. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactSet, ClusterArtifacts } from '../../topology/artifacts.ts';
import { EngineError, EnvironmentError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { diskOf } from '../../topology/vm-image.ts';
import { API_PORT, mappedPorts, SSH_PORT, vmMachines } from '../../topology/vm-machines.ts';
import { throwIfInterrupted } from '../interruption.ts';
import { applyManifests } from '../kubernetes/apply-manifests.ts';
import { canonicalImage } from '../kubernetes/image-name.ts';
import { markedEnvironment } from '../leftover-processes.ts';
import { clusterOf, given, writeArtifacts } from '../kubernetes/materials.ts';
import { CLUSTER_DNS, workloadTargets } from '../kubernetes/rollout-targets.ts';
import { copyPlugins } from '../kubernetes/node-plugins.ts';
import { kubectlFor, type Kubectl } from '../kubernetes/kubectl.ts';
import { waitReady } from '../kubernetes/wait-ready.ts';
import type { EngineHandle, Materials, UpContext } from '../port.ts';
import { step } from '../step.ts';
import type { Run } from './accelerator.ts';
import type { ConsoleState } from './serial.ts';
import { explained } from './evidence.ts';
import { accessTo, handleOf, kubeconfigPath, type VmHandle } from './handle.ts';
import { makeDisk, startOnFreePorts, waitForConsole, whileRunning } from './machine.ts';
import { imageOf, kernelOf, requireNeeds } from './preflight.ts';
import { readRecords, writeRecords, type Image, type MachineRecord } from './records.ts';
import { onMachine } from './ssh.ts';
import { SLOWNESS, type Limits, type VmDeps } from './vm-deps.ts';

/** A lab on its way. */
interface Coming {
  readonly deps: VmDeps;
  readonly plan: LabPlan;
  readonly artifacts: ArtifactSet;
  readonly context: UpContext;
  readonly handle: VmHandle;
  readonly limits: Limits;
  /** Machines fetch packages and images themselves. */
  readonly fetches: boolean;
}

/** @throws EnvironmentError ENGINE_UNSUPPORTED */
export function refuseLoading({ load }: Pick<Materials, 'load'>): void {
  if (load.length === 0) return;
  throw new EnvironmentError({
    code: 'ENGINE_UNSUPPORTED',
    message: `${load.join(', ')}: engine vm loads no images of this machine`,
    hint: 'put them into the prepared disk, or use engine kind',
  });
}

/**
 * Starts all machines of a lab at once; each becomes a node by itself, by the files of its seed, and this follows their consoles.
 *
 * @throws EnvironmentError of the preflight; EngineError with the folder that holds what machines and clusters said; LabError INTERRUPTED
 */
export async function createMachines(deps: VmDeps, plan: LabPlan, context: UpContext): Promise<EngineHandle> {
  const { directory, materials, onEvent, onHandle, signal } = context;
  const artifacts = given(materials.artifacts, plan.name);
  refuseLoading(materials);
  const fetches = diskOf(plan)?.kind === 'cloud';
  if (fetches && materials.offline) {
    throw new EnvironmentError({
      code: 'ENGINE_UNSUPPORTED',
      message: 'machines on a cloud image fetch their packages and images when they boot, and nothing may be fetched (--offline)',
      hint: 'name the folder of a prepared disk: --node-image FOLDER; docs/engines.md says what has to be in it',
    });
  }
  const { accelerator, disk } = await step(
    onEvent,
    'preflight',
    'vm',
    async () => {
      // Marked: a guest that hangs outlives a killed `up`, and taking down finds it.
      const marked: Run = (argv, options) => deps.run(argv, { ...options, env: markedEnvironment(directory) });
      const chosen = await deps.chooseAccelerator(marked, { signal, within: directory, kernel: await kernelOf(plan) });
      return { accelerator: chosen, disk: await requireNeeds(deps, plan, chosen) };
    },
    (found) => found.accelerator.detail,
  );
  throwIfInterrupted(signal);
  const { fetchDisk } = materials;
  const fetched = disk.kind === 'cloud' && fetchDisk !== undefined ? () => step(onEvent, 'fetch disk', disk.url, fetchDisk) : undefined;
  const image = await imageOf(disk, fetched);
  await writeArtifacts(directory, artifacts);
  for (const { config, plugins, nodes } of artifacts.clusters) {
    // Plugins that prepared disks lack go with the seed of every node.
    for (const { plan: node } of nodes) await copyPlugins(deps, plugins, join(directory, machineFolder(config, node), 'seed'));
  }
  const slowness = accelerator.kvm ? 1 : SLOWNESS;
  const handle: VmHandle = { directory, slowness, clusters: Object.fromEntries(artifacts.clusters.map(({ name, engineName }) => [name, engineName])) };
  await onHandle(handleOf(handle));
  const { bootMs, packagesMs, kubeadmMs, readyMs, pollMs } = deps.limits;
  // Images that a registry gives take the time of the network, whatever runs the machine.
  const pullMs = fetches ? packagesMs : 0;
  const coming: Coming = {
    deps,
    plan,
    artifacts,
    context,
    handle,
    limits: {
      bootMs: bootMs * slowness,
      packagesMs: packagesMs * slowness,
      kubeadmMs: kubeadmMs * slowness + pullMs,
      readyMs: readyMs * slowness + pullMs,
      pollMs,
    },
    fetches,
  };
  try {
    const records = await startAll(coming, accelerator.option, image);
    for (const files of artifacts.clusters)
      await fillCluster(
        coming,
        files,
        records.filter(({ cluster }) => cluster === files.name),
      );
  } catch (error) {
    throw await explained(deps, plan, handle, context, error);
  }
  return handleOf(handle);
}

/** Folder of a machine: beside that of the first control plane, whose `seed/kubeadm.yaml` the configuration of a cluster is. */
const machineFolder = (config: string, node: string): string => join(config, '../../..', node);

async function startAll({ deps, plan, artifacts, context }: Coming, accelerator: string, image: Image): Promise<readonly MachineRecord[]> {
  const { directory, onEvent, signal } = context;
  const records: MachineRecord[] = [];
  for (const { name, config } of artifacts.clusters) {
    const cluster = clusterOf(plan, { name });
    for (const machine of vmMachines(plan, cluster)) {
      const local = { protocol: 'tcp', listenAddress: '127.0.0.1' } as const;
      const [sshPort, apiPort] = [await deps.freePort(), machine.first ? await deps.freePort() : 0];
      records.push({
        cluster: name,
        node: machine.node.name,
        name: machine.name,
        folder: machineFolder(config, machine.node.name),
        sshPort,
        apiPort,
        forwards: [
          { ...local, hostPort: sshPort, guestPort: SSH_PORT },
          ...(machine.first ? [{ ...local, hostPort: apiPort, guestPort: API_PORT }] : []),
          ...mappedPorts(cluster, machine.node.name),
        ],
        accelerator,
        image,
        pid: 0,
        startTime: 0,
        wanted: 'running',
        cut: false,
      });
    }
  }
  await writeRecords(directory, records);
  return await step(onEvent, 'start machines', records.map(({ name }) => name).join(', '), async () => {
    const started: MachineRecord[] = [];
    for (const record of records) {
      await makeDisk(deps, directory, record);
      throwIfInterrupted(signal);
      started.push(await startOnFreePorts(deps, plan, directory, record, signal));
    }
    return started;
  });
}

/** Follows one machine to the end of a step, and shows what kubeadm says; the others have to run meanwhile. */
async function follow(
  { deps, context }: Coming,
  record: MachineRecord,
  what: string,
  reached: (state: ConsoleState) => boolean,
  deadlineMs: number,
  progress: (text: string) => void,
): Promise<void> {
  let told = '';
  const onState = ({ begun, said }: ConsoleState): void => {
    const text = said === '' ? (begun.at(-1) ?? 'the kernel and cloud-init start') : said;
    if (text !== told) progress(`${record.node}: ${text}`);
    told = text;
  };
  const { directory } = context;
  const others = (await readRecords(directory)).filter(({ folder }) => folder !== record.folder);
  await whileRunning(deps, directory, others, context.signal, (signal) =>
    waitForConsole(deps, directory, record, reached, { what, deadlineMs, signal, onState }),
  );
}

async function fillCluster(coming: Coming, files: ClusterArtifacts, records: readonly MachineRecord[]): Promise<void> {
  const { deps, plan, artifacts, context, limits, fetches } = coming;
  const { directory, onEvent, signal } = context;
  const cluster = clusterOf(plan, files);
  const first = records.find(({ apiPort }) => apiPort !== 0);
  const others = records.filter((record) => record !== first);
  if (first === undefined)
    throw new EngineError({ code: 'ENGINE_STEP_FAILED', message: `cluster ${files.name} has no first control plane`, hint: 'give it one' });
  await step(onEvent, 'boot', first.name, (progress) => follow(coming, first, 'cloud-init', ({ begun }) => begun.length > 0, limits.bootMs, progress));
  if (fetches) {
    await step(onEvent, 'install packages', first.name, (progress) =>
      follow(coming, first, 'the end of installing packages', ({ done }) => done.includes('packages'), limits.packagesMs, progress),
    );
  }
  await step(onEvent, 'kubeadm init', first.name, (progress) =>
    follow(coming, first, 'the end of kubeadm init', ({ done }) => done.includes('kubeadm init'), limits.kubeadmMs, progress),
  );
  const kubectl = kubectlFor(await fetchKubeconfig(coming, files, first), deps);
  if (!fetches) await requireImages(coming, first, artifacts.images);
  if (kubectl.slowness > 1) await step(onEvent, 'give cluster DNS time', cluster.name, () => giveDnsTime(kubectl, signal));
  const apply = async (paths: readonly string[]): Promise<void> => await applyManifests(kubectl, { artifacts, directory, paths, signal });
  if (files.cni.length > 0) await step(onEvent, 'install CNI', cluster.cni.type, () => apply(files.cni));
  for (const record of others) {
    await step(onEvent, 'kubeadm join', record.name, (progress) =>
      follow(coming, record, 'the end of kubeadm join', ({ done }) => done.includes('kubeadm join'), limits.bootMs + limits.kubeadmMs, progress),
    );
  }
  await ready(coming, kubectl, 'nodes and cluster DNS ready', [...files.cniRollouts, CLUSTER_DNS], true);
  if (files.workloads.length === 0) return;
  await step(onEvent, 'apply workloads', files.workloads.length === 1 ? '1 file' : `${files.workloads.length} files`, () => apply(files.workloads));
  await ready(coming, kubectl, 'workloads ready', workloadTargets(cluster), false);
}

/** Time in which sshd answers and writes a file, on a machine that KVM runs. */
const SSH_MS = 20_000;

/** The administrator's kubeconfig, with the forwarded port for the address that only nodes reach. */
async function fetchKubeconfig({ deps, context, handle }: Coming, files: ClusterArtifacts, first: MachineRecord): Promise<ReturnType<typeof accessTo>> {
  const { directory, signal } = context;
  const read = await onMachine(deps.run, directory, first, ['cat', '/etc/kubernetes/admin.conf'], { timeoutMs: SSH_MS, signal });
  throwIfInterrupted(signal);
  if (read.exitCode !== 0) {
    throw new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: `the kubeconfig of ${files.engineName} cannot be read from ${first.name}: ${read.stderr.trim()}`,
      hint: 'the prepared disk needs an ssh server that lets root in by key: docs/engines.md',
      details: { stderr: read.stderr },
    });
  }
  await writeFile(kubeconfigPath(directory, files.engineName), read.stdout.replace(/server: .*/, `server: https://127.0.0.1:${first.apiPort}`), {
    mode: 0o600,
  });
  return accessTo(deps, handle, files.name);
}

/** kubeadm's probes of cluster DNS wait one second and five. An emulated node that is busy answers later: its DNS servers would be taken out of the Service, or started anew. */
async function giveDnsTime(kubectl: Kubectl, signal: AbortSignal): Promise<void> {
  const containers = [{ name: 'coredns', readinessProbe: { timeoutSeconds: 30 }, livenessProbe: { timeoutSeconds: 60 } }];
  const patch = JSON.stringify({ spec: { template: { spec: { containers } } } });
  await kubectl.patiently(
    () => kubectl.text(['patch', 'deployment', CLUSTER_DNS.name, '--namespace', CLUSTER_DNS.namespace, '--patch', patch], { signal }),
    signal,
  );
}

/**
 * Nodes reach no registry: an image that the disk does not hold is said before pods wait for it.
 *
 * @throws EnvironmentError IMAGE_MISSING; EngineError when the machine does not say what it holds; LabError INTERRUPTED
 */
export async function requireImages({ deps, context }: Pick<Coming, 'deps' | 'context'>, first: MachineRecord, images: readonly string[]): Promise<void> {
  const { directory, signal, onEvent } = context;
  await step(onEvent, 'look for images', first.name, async () => {
    const listed = await onMachine(deps.run, directory, first, ['ctr', '--namespace=k8s.io', 'images', 'list', '--quiet'], { timeoutMs: SSH_MS, signal });
    throwIfInterrupted(signal);
    if (listed.exitCode !== 0) {
      throw new EngineError({
        code: 'ENGINE_STEP_FAILED',
        message: `the images of ${first.name} cannot be listed: ${listed.stderr.trim().slice(-300)}`,
        hint: 'the prepared disk needs containerd, with ctr: docs/engines.md says what has to be in it',
      });
    }
    const held = new Set(listed.stdout.split('\n').map((line) => line.trim()));
    const lacking = images.filter((one) => !held.has(canonicalImage(one)));
    if (lacking.length === 0) return;
    throw new EnvironmentError({
      code: 'IMAGE_MISSING',
      message: `the prepared disk lacks ${lacking.join(', ')}, and nodes cannot fetch anything`,
      hint: `choose what it has: --image REPOSITORY=IMAGE; it holds ${[...held].filter((one) => one !== '' && !one.startsWith('sha256:')).join(', ')}`,
      details: { images: lacking },
    });
  });
}

/** Waits, and shows what is not ready yet; all machines have to run meanwhile. */
export async function ready(
  { deps, context, limits }: Pick<Coming, 'deps' | 'context' | 'limits'>,
  kubectl: Kubectl,
  name: string,
  targets: Parameters<typeof waitReady>[1],
  nodes: boolean,
): Promise<void> {
  const { directory, onEvent } = context;
  const machines = (await readRecords(directory)).filter(({ wanted }) => wanted === 'running');
  const within = { nodes, deadlineMs: limits.readyMs, stuckMs: limits.readyMs / 4 };
  await step(
    onEvent,
    name,
    kubectl.access.cluster,
    async (onProgress) =>
      await whileRunning(deps, directory, machines, context.signal, (signal) => waitReady(kubectl, targets, { ...within, signal, onProgress })),
  );
}
