import type { LabPlan } from '../../../topology/plan.ts';
import { diskOf, type CloudImage, type VmImage } from '../../../topology/vm-image.ts';
import { HOST_KEY_ALIAS } from '../../../topology/vm-machines.ts';
import { byHandSections, shell } from '../by-hand.ts';
import { shellLiteral } from '../../../topology/shell-word.ts';
import type { VmCluster } from './vm-cluster.ts';

const KEY = 'key';

function clusterSection(plan: LabPlan, cluster: VmCluster): readonly string[] {
  const { name, engineName, plugins } = cluster.artifacts;
  const several = plan.clusters.length > 1;
  const { machines } = cluster;
  const first = machines.find(({ machine }) => machine.first);
  const ssh = (port: number | string): string => `ssh -p ${port} -i ${KEY} -o UserKnownHostsFile=known_hosts -o HostKeyAlias=${HOST_KEY_ALIAS} root@127.0.0.1`;
  const planes = machines.filter(({ machine }) => machine.node.role === 'control-plane').length;
  return [
    ...(several ? [`## Cluster ${name}`, ''] : []),
    '| node | role | address in the lab | memory | ssh |',
    '|---|---|---|---|---|',
    ...machines.map(
      ({ machine, ports }) =>
        `| ${machine.name} | ${machine.node.role} | ${machine.lab.addresses.map(({ address }) => address).join(', ')} | ${machine.memoryMiB} MiB | 127.0.0.1:${ports.ssh} |`,
    ),
    '',
    ...(planes > 1
      ? [
          'The first control plane is the endpoint of the API for all nodes. A virtual address would outlive it, and needs a program in the nodes that prepared images do not have;',
          'etcd and the other control planes go on without it, `kubectl` and kubelets do not.',
          '',
        ]
      : []),
    '### Create',
    '',
    shell([
      // The kubeconfig and the copies of keys are an administrator's.
      'umask 077',
      ...(several ? [`cd ${name}`] : []),
      'export KUBECONFIG="$PWD/kubeconfig"',
      `chmod 600 ${several ? '../' : ''}${KEY}${several ? ` && cp ../${KEY} ../known_hosts .` : ''}`,
      ...(plugins.length === 0
        ? []
        : [
            'for node in nodes/*/seed; do',
            '  mkdir -p "$node/bin"',
            ...plugins.map(
              (plugin) =>
                `  cp "\${CNI_PATH:-/opt/cni/bin}/${plugin}" "$node/bin/" # also found in /usr/lib/cni, and in github.com/containernetworking/plugins`,
            ),
            'done',
          ]),
      ...machines.map(({ machine }) => `sh nodes/${machine.node.name}/qemu.sh`),
      `tail -f nodes/${first?.machine.node.name ?? ''}/serial.log # until "done kubeadm init"; the others join by themselves`,
      `${ssh(first?.ports.ssh ?? 0)} cat /etc/kubernetes/admin.conf |`,
      `  sed 's#server: .*#server: https://127.0.0.1:${first?.ports.api ?? 0}#' > kubeconfig`,
    ]),
    '',
    ...byHandSections(cluster),
    '### Delete',
    '',
    shell([
      'kill $(cat nodes/*/pid)',
      `rm -rf nodes/*/disk.qcow2 nodes/*/serial.log nodes/*/qmp kubeconfig targets evidence.jsonl${plugins.length === 0 ? '' : ' nodes/*/seed/bin'}${several ? ` ${KEY} known_hosts` : ''}`,
      ...(several ? ['cd ..'] : []),
    ]),
    '',
    `The context of the kubeconfig is \`kubernetes-admin@${engineName}\`.`,
    '',
  ];
}

/** How the disk of all machines comes to the folder of these files. */
function fetchSection({ url, algorithm, digest }: CloudImage): readonly string[] {
  return [
    '## Disk',
    '',
    'Fetched once, here; what lies there must have the digest that the lab names:',
    '',
    shell([`curl --fail --location --output disk.qcow2 ${shellLiteral(url)}`, `echo '${digest}  disk.qcow2' | ${algorithm}sum --check`]),
    '',
  ];
}

/** What differs with the disk that the lab names. */
const TEXTS: Readonly<Record<VmImage['kind'], { readonly needed: string; readonly within: string; readonly leads: string; readonly images: string }>> = {
  prepared: {
    needed: 'a prepared disk: a folder',
    within:
      '`CNILAB_VM_IMAGE` with `disk.qcow2` (and `vmlinuz` and `initrd`, unless that has a boot loader), in which are cloud-init, containerd, kubeadm, kubelet, an ssh server and the images below.',
    leads: 'the second interface of each node leads to the forwarded ports of 127.0.0.1 alone.',
    images: 'Nodes cannot fetch any; the disk has to hold:',
  },
  cloud: {
    needed: 'the cloud image below. At first',
    within: 'boot `packages.sh` in the seed of each machine installs containerd from its distribution and Kubernetes from pkgs.k8s.io.',
    leads:
      'the second interface of each node leads to the forwarded ports of 127.0.0.1, and out: to all that this machine reaches, its own 127.0.0.1 included.',
    images: 'Nodes fetch, besides those of Kubernetes:',
  },
};

/** The README of a lab's files: the commands that bring the machines up by hand. */
export function vmReadme(plan: LabPlan, clusters: readonly VmCluster[], images: readonly string[]): string {
  const disk = diskOf(plan);
  const texts = TEXTS[disk?.kind ?? 'prepared'];
  return [
    `# ${plan.name} on virtual machines`,
    '',
    ...(plan.description === '' ? [] : [plan.description, '']),
    `Written by \`cnilab synth --engine vm\`. The commands below need qemu-system-x86_64 and qemu-img (version 7 or newer), ssh and kubectl, and ${texts.needed}`,
    texts.within,
    '',
    'Each folder `nodes/NODE/seed` is a disk that QEMU shows to cloud-init: `user-data`, `meta-data` and `network-config` configure the machine, `bootstrap.sh` makes it a node by',
    '`kubeadm.yaml`. `key` is for ssh to the nodes. The token, the keys and the certificate key were made for these files and are in them: keep them to yourself.',
    '',
    'The nodes meet in a multicast group on the loopback interface, as user programs and without root; every program of this machine can join it. Nothing of it leaves the machine:',
    texts.leads,
    '',
    ...(disk?.kind === 'cloud' ? fetchSection(disk) : []),
    ...clusters.flatMap((cluster) => clusterSection(plan, cluster)),
    '## Images',
    '',
    texts.images,
    '',
    ...images.map((image) => `- \`${image}\``),
    '',
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}
