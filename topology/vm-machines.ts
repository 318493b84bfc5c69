/** The machines of a lab on QEMU: what each is made of, and the command line that runs it. Pure; used by the files of `synth` and by the engine alike. */
import { gatewayOf } from './allocate.ts';
import { addressAt, cidrsOverlap, parseCidr } from './cidr.ts';
import { stableHash } from './names.ts';
import type { ClusterPlan, InterfacePlan, LabPlan, NodePlan } from './plan.ts';

/** kubeadm wants two processors and 1700 MB of a control plane (cmd/kubeadm/app/preflight). */
const CPUS = 2;
const CONTROL_PLANE_MIB = 3072;
const WORKER_MIB = 2048;
/** Memory in which QEMU keeps translated code where there is no KVM. */
const TRANSLATION_MIB = 512;

export const API_PORT = 6443;
export const SSH_PORT = 22;
/** Under which ssh knows the nodes of a lab: they have one key, whatever their ports. */
export const HOST_KEY_ALIAS = 'cnilab-node';
/** Label of the disk on which cloud-init looks for its data source NoCloud. */
export const SEED_LABEL = 'CIDATA';
/** The user network of each machine: only this machine's own end of it, for ssh, the API server and port mappings. */
export interface UserNetwork {
  readonly cidr: string;
  /** QEMU's end. */
  readonly host: string;
  /** Where names are resolved, for machines with a way out: by the resolver of this machine. */
  readonly dns: string;
  readonly prefixLength: number;
}

/** Networks for documentation (RFC 5737), which no lab has by accident, and QEMU's usual one. */
const USER_NETWORKS: readonly UserNetwork[] = ['192.0.2', '198.51.100', '10.0.2'].map((net) => ({
  cidr: `${net}.0/24`,
  host: `${net}.2`,
  dns: `${net}.3`,
  prefixLength: 24,
}));

/** QEMU has the lowest addresses itself; a lab of more machines than are left is of no use on one machine. */
const FIRST_USER_ADDRESS = 10;

/** The first user network that overlaps nothing of the lab; null when all do. */
export function userNetwork(plan: LabPlan): UserNetwork | null {
  const taken = [...plan.segments.flatMap(({ cidrs }) => cidrs), ...plan.clusters.flatMap(({ podCIDRs, serviceCIDRs }) => [...podCIDRs, ...serviceCIDRs])].map(
    parseCidr,
  );
  return USER_NETWORKS.find(({ cidr }) => taken.every((one) => one.family !== 'ipv4' || !cidrsOverlap(one, parseCidr(cidr)))) ?? null;
}

/** A node as a machine. */
export interface VmMachine {
  readonly cluster: string;
  /** Host name, and name in Kubernetes: that of the plan, in a lab of several clusters `CLUSTER-NODE`. */
  readonly name: string;
  readonly node: NodePlan;
  readonly lab: InterfacePlan;
  /** Next hop of the default route: the segment's first address, which nobody has. Services need a route, though nothing leaves the lab by it. */
  readonly gateways: readonly string[];
  /** The first control plane: `kubeadm init` runs there, and its address is the endpoint of the API. */
  readonly first: boolean;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** The second interface. Each machine has a user network of its own, and an address in it that no other has: nothing then looks like the same node. */
  readonly userMac: string;
  readonly userAddress: string;
  readonly uuid: string;
}

/** The machines of a cluster, in the order of the plan. */
export function vmMachines(plan: LabPlan, cluster: ClusterPlan): readonly VmMachine[] {
  const first = cluster.nodes.find(({ role }) => role === 'control-plane');
  const user = parseCidr(userNetwork(plan)?.cidr ?? '0.0.0.0/0');
  return cluster.nodes.flatMap((node, i) => {
    const [lab] = node.interfaces;
    if (lab === undefined) return [];
    const segment = plan.segments.find(({ name }) => name === lab.segment);
    const hash = stableHash(`machine ${plan.name} ${node.id}`, 32);
    return [
      {
        cluster: cluster.name,
        name: plan.clusters.length > 1 ? `${cluster.name}-${node.name}` : node.name,
        node,
        lab,
        gateways: (segment?.cidrs ?? []).map((cidr) => gatewayOf(parseCidr(cidr))),
        first: node === first,
        memoryMiB: node.role === 'control-plane' ? CONTROL_PLANE_MIB : WORKER_MIB,
        cpus: CPUS,
        userAddress: addressAt(user, FIRST_USER_ADDRESS + i),
        userMac: `02:${stableHash(`user mac ${node.id}`, 10).replace(/..(?=.)/g, '$&:')}`,
        uuid: hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5'),
      },
    ];
  });
}

/** Where the API of a cluster answers, for its nodes: the first control plane, also where there are several. */
export function vmApiHost(machines: readonly VmMachine[]): string {
  return machines.find(({ first }) => first)?.lab.addresses[0]?.address ?? '';
}

/** `[fd00::2]:6443` */
export const apiEndpoint = (host: string, port: number = API_PORT): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** What of a machine's command line is not in the plan. Paths may be variables of a shell. */
export interface VmPlace {
  /** `kvm`, or `tcg,…`. */
  readonly accelerator: string;
  /** The machine's own disk: a layer over the image. */
  readonly disk: string;
  /** Folder with the files of cloud-init. */
  readonly seed: string;
  /** A kernel that is started directly; null: the disk has a boot loader. */
  readonly kernel: { readonly vmlinuz: string; readonly initrd: string } | null;
  readonly serial: string;
  readonly qmp: string;
  readonly pidFile: string;
  /** Ports of this machine that lead to the node. */
  readonly forwards: readonly VmForward[];
  /** Where the packets of the lab's machines meet. */
  readonly network: LabNetwork;
  readonly user: UserNetwork;
  /** Does the user network lead out? Only where machines fetch packages and images. */
  readonly wayOut: boolean;
}

export interface VmForward {
  readonly protocol: 'tcp' | 'udp';
  readonly listenAddress: string;
  readonly hostPort: number | string;
  readonly guestPort: number;
}

/** A group on the loopback interface in which each packet of a lab's machines reaches all of them. */
export interface LabNetwork {
  readonly group: string;
  readonly port: number;
}

/** A group for the machines of one lab: 2^23 addresses of the private scope (RFC 2365) and 32768 ports make that two labs meet as good as impossible. */
export function labNetwork(identity: string): LabNetwork {
  const number = (from: number, digits: number): number => Number.parseInt(stableHash(`network ${identity}`, 12).slice(from, from + digits), 16);
  return { group: `239.${192 + (number(0, 2) % 64)}.${number(2, 2)}.${1 + (number(4, 2) % 254)}`, port: 20_000 + (number(6, 6) % 32_768) };
}

export const TCG: string = `tcg,thread=multi,tb-size=${TRANSLATION_MIB}`;

/** Is the processor of a machine nothing but QEMU's work? */
const isEmulated = (accelerator: string): boolean => accelerator.startsWith('tcg');

/** Memory of a machine in bytes, QEMU's own included. */
export function machineBytes(machine: Pick<VmMachine, 'memoryMiB'>, accelerator: string): number {
  return (machine.memoryMiB + 128 + (isEmulated(accelerator) ? TRANSLATION_MIB : 0)) * 1024 * 1024;
}

/** A value of QEMU's options, in which a comma is written twice. */
const value = (text: string): string => text.replaceAll(',', ',,');

/**
 * The command line of a machine, from QEMU 7 on. The disk is never synced: it lives as long as the lab, and the host's cache outlives QEMU.
 * `restrict=on`: the user network leads to the forwarded ports of this machine and nowhere else. `localaddr`: packets of the lab stay on the loopback interface.
 */
export function qemuArgv(machine: VmMachine, place: VmPlace): readonly string[] {
  const { kernel, network, user, wayOut } = place;
  const forwards = place.forwards.map(
    ({ protocol, listenAddress, hostPort, guestPort }) => `,hostfwd=${protocol}:${listenAddress}:${hostPort}-${machine.userAddress}:${guestPort}`,
  );
  return [
    ['qemu-system-x86_64'],
    ['-name', machine.node.id, '-uuid', machine.uuid],
    ['-nodefaults', '-no-user-config', '-display', 'none'],
    ['-machine', 'q35', '-accel', place.accelerator, '-cpu', 'max', '-smp', String(machine.cpus), '-m', String(machine.memoryMiB)],
    kernel === null ? [] : kernelArgv(kernel, isEmulated(place.accelerator) ? UNGUARDED : ''),
    ['-drive', `file=${value(place.disk)},if=virtio,format=qcow2,cache=unsafe,discard=unmap`],
    ['-drive', `file.driver=vvfat,file.dir=${value(place.seed)},file.label=${SEED_LABEL},if=virtio,format=raw,readonly=on`],
    ['-netdev', `socket,id=lab,mcast=${network.group}:${network.port},localaddr=127.0.0.1`],
    ['-device', `virtio-net-pci,id=lab0,netdev=lab,mac=${machine.lab.mac}`],
    ['-netdev', `user,id=user,restrict=${wayOut ? `off,dns=${user.dns}` : 'on'},ipv6=off,net=${user.cidr},host=${user.host}${forwards.join('')}`],
    ['-device', `virtio-net-pci,id=user0,netdev=user,mac=${machine.userMac}`],
    ['-device', 'virtio-rng-pci'],
    ['-chardev', `file,id=console,path=${value(place.serial)},append=on`, '-serial', 'chardev:console'],
    ['-qmp', `unix:${value(place.qmp)},server=on,wait=off`],
    ['-pidfile', place.pidFile, '-daemonize'],
  ].flat();
}

/** For a kernel on an emulated processor, which guesses nothing: guards against what processors guess only cost. */
export const UNGUARDED = ' mitigations=off';

/** The options for a kernel that is started directly: that of a disk without a boot loader. `more` is added to its command line. */
export function kernelArgv({ vmlinuz, initrd }: NonNullable<VmPlace['kernel']>, more: string): readonly string[] {
  return ['-kernel', vmlinuz, '-initrd', initrd, '-append', `root=/dev/vda rw console=ttyS0 net.ifnames=0${more}`];
}

/** Ports of this machine that lead to a node, but for the ones of ssh and the API. */
export function mappedPorts(cluster: Pick<ClusterPlan, 'portMappings'>, node: string): readonly VmForward[] {
  return cluster.portMappings
    .filter((mapping) => mapping.node === node)
    .map(({ protocol, listenAddress, hostPort, containerPort }) => ({
      protocol: protocol === 'UDP' ? ('udp' as const) : ('tcp' as const),
      listenAddress,
      hostPort,
      guestPort: containerPort,
    }));
}
