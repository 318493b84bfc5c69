/** What engine vm needs of a machine: each need a row, tried. `up` looks at it before it creates anything, `doctor` shows it. */
import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EnvironmentError, InternalError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { machineBytes, vmMachines } from '../../topology/vm-machines.ts';
import { CLOUD_DISK_GIB, diskOf, isImageUrl, vmImage, type VmImage } from '../../topology/vm-image.ts';
import { judgePlugin, pluginsNeeded } from '../kubernetes/node-plugins.ts';
import type { Capability, FetchedDisk } from '../port.ts';
import type { Accelerator } from './accelerator.ts';
import { DISK } from './machine.ts';
import type { Image } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

const there = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );

/** Oldest QEMU whose options are used here. */
const OLDEST_QEMU = 7;
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

type Row = Omit<Capability, 'remedy'> & { readonly remedy: string };

function row(id: string, title: string, neededBy: string, ok: boolean, detail: string, remedy: string, required = true): Row {
  return { id, title, ok, detail, remedy: ok ? '' : remedy, required, neededBy };
}

async function programs(deps: Pick<VmDeps, 'run'>): Promise<readonly Row[]> {
  const ask = async (argv: readonly [string, ...string[]]): Promise<string> => {
    const { exitCode, stdout, stderr } = await deps.run(argv, { timeoutMs: 15_000 });
    return exitCode === 0 ? `${stdout}${stderr}` : '';
  };
  const [qemu, image, ssh, kubectl] = await Promise.all([
    ask(['qemu-system-x86_64', '--version']),
    ask(['qemu-img', '--version']),
    ask(['ssh', '-V']),
    ask(['kubectl', 'version', '--client', '--output=json']),
  ]);
  const version = /version (\d+)\.(\d+)/.exec(qemu);
  const install = 'sudo apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils openssh-client   # or as your system calls them';
  return [
    row(
      'qemu',
      'QEMU',
      'everything: nodes are machines',
      version !== null && Number(version[1]) >= OLDEST_QEMU,
      version === null
        ? 'qemu-system-x86_64 is not installed'
        : `QEMU ${version[1] ?? ''}.${version[2] ?? ''}${Number(version[1]) >= OLDEST_QEMU ? '' : `: ${OLDEST_QEMU} or newer is needed`}`,
      install,
    ),
    row('qemu-img', 'qemu-img', 'disks', image !== '', image === '' ? 'qemu-img is not installed' : 'is there', install),
    row('ssh', 'ssh', 'programs on nodes', ssh !== '', ssh === '' ? 'ssh is not installed' : (ssh.trim().split(',')[0] ?? ''), install),
    row(
      'kubectl',
      'kubectl',
      'everything',
      kubectl !== '',
      kubectl === '' ? 'kubectl is not installed' : (/"gitVersion":\s*"(v[^"]+)"/.exec(kubectl)?.[1] ?? 'is there'),
      'install kubectl: https://kubernetes.io/docs/tasks/tools/',
    ),
  ];
}

/** The disk that all machines of a lab use; null when none is named. */
function namedDisk(plan: LabPlan | null): VmImage | null {
  const usual = process.env['CNILAB_VM_IMAGE'] ?? '';
  // Absolute: a layer looks for what it lies over from its own folder.
  return (plan === null ? null : diskOf(plan)) ?? (usual === '' ? null : vmImage(isImageUrl(usual) ? usual : resolve(usual)));
}

/** The kernel that the machines start with; null where their disk has a boot loader. */
export async function kernelOf(plan: LabPlan | null): Promise<string | null> {
  const disk = namedDisk(plan);
  if (disk?.kind !== 'prepared') return null;
  const kernel = join(disk.folder, 'vmlinuz');
  return (await there(kernel)) ? kernel : null;
}

async function image(plan: LabPlan | null): Promise<Row> {
  const remedy =
    'name a folder with disk.qcow2 (and vmlinuz and initrd, unless the disk has a boot loader), or a cloud image as URL@sha256:HEX: --node-image IMAGE, or CNILAB_VM_IMAGE; docs/engines.md says what has to be in it';
  const disk = namedDisk(plan);
  const found = (ok: boolean, detail: string, mend = remedy): Row =>
    row('disk', disk?.kind === 'cloud' ? 'cloud image' : 'prepared disk', 'every node', ok, detail, mend);
  if (disk === null) return found(false, 'no folder is named');
  if (disk.kind === 'cloud') {
    if (plan === null || diskOf(plan) !== null) return found(true, `${disk.url}, fetched when a lab comes up`);
    const detail = `CNILAB_VM_IMAGE names ${disk.url}, and the lab names no disk: its files are made for a prepared one, without packages and a way out`;
    return found(false, detail, 'name the cloud image where the lab is brought up: nodeImage of `up` or of a LabCluster, or of the clusters in the lab');
  }
  const { folder } = disk;
  const kernel = await Promise.all(['vmlinuz', 'initrd'].map((name) => there(join(folder, name))));
  if (!(await there(join(folder, DISK)))) return found(false, `${join(folder, DISK)} cannot be read`);
  if (kernel.includes(true) && kernel.includes(false)) return found(false, `${folder} has only one of vmlinuz and initrd`);
  return found(true, `${folder}, ${kernel[0] === true ? 'with its kernel' : 'with a boot loader'}`);
}

/** Memory that all machines of a lab take, in bytes. */
export function memoryWanted(plan: LabPlan | null, accelerator: string): number {
  return (plan?.clusters ?? [])
    .flatMap((cluster) => vmMachines(plan as LabPlan, cluster))
    .reduce((sum, machine) => sum + machineBytes(machine, accelerator), 0);
}

async function memory(deps: Pick<VmDeps, 'readText'>, plan: LabPlan | null, accelerator: string): Promise<Row> {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec((await deps.readText('/proc/meminfo')) ?? '')?.[1];
  const [free, wanted] = [kilobytes === undefined ? null : Number(kilobytes) * 1024, memoryWanted(plan, accelerator)];
  const detail = `${free === null ? 'not known' : gigabytes(free)} free${wanted === 0 ? '' : `, ${gigabytes(wanted)} wanted`}`;
  return row('memory', 'memory', 'every machine', free === null || free >= wanted, detail, 'take nodes out of the lab, or end other programs');
}

/** Every need with what was found. */
export async function needs(deps: VmDeps, plan: LabPlan | null, accelerator: Accelerator): Promise<readonly Capability[]> {
  const plugins = (plan === null ? ['bridge'] : pluginsNeeded(plan)).map((name): Row => {
    const { ok, detail, remedy } = judgePlugin(deps, name);
    return row(`cni-${name}`, `CNI plugin ${name}`, 'bridge and flannel: prepared disks rarely have it', ok, detail, remedy, plan !== null);
  });
  const ports = await Promise.all(
    (plan?.clusters ?? [])
      .flatMap(({ portMappings }) => portMappings)
      .map(async (mapping): Promise<Row> => {
        const { hostPort, listenAddress, node } = mapping;
        const taken = await deps.portInUse(mapping);
        return row(
          `port-${hostPort}`,
          `port ${hostPort} of ${listenAddress}`,
          `the port mapping to node ${node}`,
          !taken,
          taken ? 'is in use' : 'is free',
          `end what listens (\`ss -ltnp sport = :${hostPort}\`), or map another port (portMappings)`,
        );
      }),
  );
  return [
    ...(await programs(deps)),
    await image(plan),
    await memory(deps, plan, accelerator.option),
    row(
      'kvm',
      'KVM',
      'speed: without it a node takes minutes to come up',
      accelerator.kvm || plan !== null,
      accelerator.detail,
      'run on a machine (or a virtual machine with nested virtualization) where /dev/kvm works and may be opened',
      false,
    ),
    ...plugins,
    ...ports,
  ];
}

/** The disk that the lab's machines are to run on. @throws EnvironmentError ENVIRONMENT_LACKS with everything that is missing */
export async function requireNeeds(deps: VmDeps, plan: LabPlan, accelerator: Accelerator): Promise<VmImage> {
  const lacks = (await needs(deps, plan, accelerator)).filter(({ ok, required }) => required && !ok);
  if (lacks.length > 0) {
    throw new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `lab ${plan.name} cannot run on virtual machines here: ${lacks.map(({ title, detail }) => `${title}: ${detail}`).join('; ')}`,
      hint: [...new Set(lacks.map(({ remedy }) => remedy))].join('\n'),
      details: { lacks },
    });
  }
  const disk = namedDisk(plan);
  if (disk === null) throw new InternalError('a lab without a disk was let pass');
  return disk;
}

/**
 * The files of a disk on this machine.
 *
 * @param fetchDisk for a cloud image
 * @throws LabError of fetching it
 */
export async function imageOf(disk: VmImage, fetchDisk?: () => Promise<FetchedDisk>): Promise<Image> {
  if (disk.kind === 'prepared') return { folder: disk.folder, disk: DISK, kernel: await there(join(disk.folder, 'vmlinuz')), sizeBytes: 0 };
  if (fetchDisk === undefined) throw new InternalError(`nobody fetches ${disk.url}`);
  const { path, sizeBytes } = await fetchDisk();
  return { folder: dirname(path), disk: basename(path), kernel: false, sizeBytes: Math.max(sizeBytes, CLOUD_DISK_GIB * 2 ** 30) };
}
