import {
  API_PORT,
  kernelArgv,
  labNetwork,
  mappedPorts,
  qemuArgv,
  SSH_PORT,
  UNGUARDED,
  type UserNetwork,
  type VmMachine,
} from '../../../topology/vm-machines.ts';
import type { ClusterPlan, LabPlan } from '../../../topology/plan.ts';
import { CLOUD_DISK_GIB, diskOf, type VmImage } from '../../../topology/vm-image.ts';
import { shellLiteral, shellWord } from '../../../topology/shell-word.ts';

/** A word of our own for a shell: variables stay variables. */
function word(text: string): string {
  return text.includes('$') ? `"${text}"` : shellWord(text);
}

/** Flags of QEMU each with what belongs to it, on lines of their own. */
function lines(argv: readonly string[]): string {
  return argv.map(word).reduce((text, one) => (one.startsWith('-') ? `${text} \\\n  ${one}` : text === '' ? one : `${text} ${one}`), '');
}

/** Ports of this machine for what is run by hand. */
export interface HandPorts {
  readonly ssh: number;
  readonly api: number;
}

/** The lines that say where the disk is. A cloud image lies at the top of the lab's files. */
function whereItIs(image: VmImage | null, top: string): string {
  if (image === null) return 'IMAGE=${CNILAB_VM_IMAGE:?folder with disk.qcow2, and vmlinuz and initrd unless that has a boot loader}';
  return image.kind === 'prepared' ? `DISK=${shellLiteral(image.folder)}\nIMAGE=\${CNILAB_VM_IMAGE:-$DISK}` : `IMAGE=$(cd ${top} && pwd)`;
}

/** A prepared disk has its kernel beside it, or a boot loader: only who runs the script knows which. Cloud images have a boot loader. */
const BESIDE: readonly string[] = [
  'set --',
  `case $ACCEL in tcg*) MORE='${UNGUARDED}' ;; *) MORE= ;; esac`,
  `if [ -e "$IMAGE/vmlinuz" ]; then set -- ${kernelArgv({ vmlinuz: '$IMAGE/vmlinuz', initrd: '$IMAGE/initrd' }, '$MORE').map(word).join(' ')}; fi`,
];

/** The script that runs a machine by hand: its disk is made at first, and kept. `top`: the way from its folder to that of the lab. */
export function qemuScript(plan: LabPlan, cluster: ClusterPlan, machine: VmMachine, user: UserNetwork, { ssh, api }: HandPorts, top: string): string {
  const image = diskOf(plan);
  const wayOut = image?.kind === 'cloud';
  const local = { protocol: 'tcp', listenAddress: '127.0.0.1' } as const;
  const argv = qemuArgv(machine, {
    accelerator: '$ACCEL',
    disk: '$PWD/disk.qcow2',
    seed: '$PWD/seed',
    kernel: null,
    serial: '$PWD/serial.log',
    qmp: '$PWD/qmp',
    pidFile: '$PWD/pid',
    forwards: [
      { ...local, hostPort: ssh, guestPort: SSH_PORT },
      ...(machine.first ? [{ ...local, hostPort: api, guestPort: API_PORT }] : []),
      ...mappedPorts(cluster, machine.node.name),
    ],
    network: labNetwork(plan.name),
    user,
    wayOut,
  });
  return `#!/bin/sh
# Runs ${machine.node.id}: ${machine.cpus} processors, ${machine.memoryMiB} MiB. ACCEL=tcg,thread=multi where KVM does not work.
set -eu
cd "$(dirname "$0")"
umask 077
${whereItIs(image, top)}
ACCEL=\${ACCEL:-kvm}
[ -e disk.qcow2 ] || qemu-img create -q -f qcow2 -F qcow2 -b "$IMAGE/disk.qcow2" disk.qcow2${wayOut ? ` ${CLOUD_DISK_GIB}G` : `\n${BESIDE.join('\n')}`}
exec ${lines(argv)}${wayOut ? '' : ' \\\n  "$@"'}
`;
}
