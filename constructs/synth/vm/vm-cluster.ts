import type { ClusterArtifacts } from '../../../topology/artifacts.ts';
import { InternalError } from '../../../topology/errors.ts';
import type { ClusterPlan, LabPlan } from '../../../topology/plan.ts';
import type { UpstreamObjects } from '../../../topology/upstream.ts';
import { diskOf, vmImage } from '../../../topology/vm-image.ts';
import { apiEndpoint, API_PORT, userNetwork, vmApiHost, vmMachines, type VmMachine } from '../../../topology/vm-machines.ts';
import type { ClusterByHand } from '../by-hand.ts';
import { clusterManifests } from '../cluster-manifests.ts';
import { manifestText } from '../manifest-file.ts';
import { bootstrapScript, settingsFile } from './bootstrap-script.ts';
import { hostsFile, metaData, networkConfig, userData } from './cloud-init.ts';
import { kubeadmConfig, type VmSecrets } from './kubeadm-config.ts';
import { packagesScript } from './packages-script.ts';
import { qemuScript, type HandPorts } from './qemu-script.ts';

/** The files of one cluster on machines of its own. */
export interface VmCluster extends ClusterByHand {
  readonly artifacts: ClusterArtifacts;
  /** Files that are no manifests: path → text. */
  readonly texts: ReadonlyMap<string, string>;
  readonly machines: readonly { readonly machine: VmMachine; readonly ports: HandPorts }[];
  readonly images: readonly string[];
  readonly nodeImages: readonly string[];
}

export interface VmClusterInput {
  readonly plan: LabPlan;
  readonly cluster: ClusterPlan;
  /** '' or `NAME/` */
  readonly folder: string;
  readonly upstream: UpstreamObjects;
  readonly secrets: VmSecrets;
  /** Of its first machine, by hand; the others follow. */
  readonly firstPorts: HandPorts;
}

/** The name that kubeadm gives the cluster, and so its context: `cnilab-LAB`, in a lab of several clusters `cnilab-LAB-CLUSTER`. */
function vmName(plan: LabPlan, cluster: ClusterPlan): string {
  return ['cnilab', plan.name, ...(plan.clusters.length > 1 ? [cluster.name] : [])].join('-');
}

/** The control plane that joins before this one does: etcd takes one new member at a time. */
function before(machines: readonly VmMachine[], machine: VmMachine): string {
  const planes = machines.filter(({ node }) => node.role === 'control-plane');
  const previous = planes[planes.indexOf(machine) - 1];
  return machine.first || previous === undefined || previous.first ? '' : apiEndpoint(previous.lab.addresses[0]?.address ?? '');
}

/** Synthesizes one cluster of a lab for virtual machines. */
export function vmCluster({ plan, cluster, folder, upstream, secrets, firstPorts }: VmClusterInput): VmCluster {
  const user = userNetwork(plan);
  if (user === null) throw new InternalError('a lab without a user network was not refused');
  const machines = vmMachines(plan, cluster);
  const engineName = vmName(plan, cluster);
  const nodes = machines.map(({ node, name }) => ({ plan: node.name, name }));
  const apiServer = { host: vmApiHost(machines), port: API_PORT };
  const { files, texts, workloadObjects, images, ...paths } = clusterManifests({ plan, cluster, folder, upstream, nodes, apiServer });
  const several = cluster.nodes.filter(({ role }) => role === 'control-plane').length > 1;
  const wayOut = diskOf(plan)?.kind === 'cloud';
  const top = folder === '' ? '../..' : '../../..';
  const numbered = machines.map((machine, i) => ({ machine, ports: { ssh: firstPorts.ssh + i, api: firstPorts.api } }));
  const ofMachine = ({ machine, ports }: (typeof numbered)[number]): readonly (readonly [string, string])[] => {
    const at = `${folder}nodes/${machine.node.name}`;
    return [
      [`${at}/qemu.sh`, qemuScript(plan, cluster, machine, user, ports, top)],
      [`${at}/seed/user-data`, userData(machine, secrets, wayOut)],
      [`${at}/seed/meta-data`, metaData(machine, engineName)],
      [`${at}/seed/network-config`, networkConfig(machine, user, wayOut)],
      [`${at}/seed/kubeadm.yaml`, manifestText(kubeadmConfig({ plan, cluster, machines, engineName, secrets }, machine))],
      [`${at}/seed/bootstrap.sh`, bootstrapScript],
      ...(wayOut ? [[`${at}/seed/packages.sh`, packagesScript(plan, cluster, user)] as const] : []),
      [`${at}/seed/hosts`, hostsFile(machines)],
      [
        `${at}/seed/settings`,
        settingsFile({
          action: machine.first ? 'init' : 'join',
          kubernetes: cluster.kubernetesVersion,
          waitFor: before(machines, machine),
          uploadCertificates: machine.first && several,
        }),
      ],
    ];
  };
  const first = machines.find((machine) => machine.first)?.node.name ?? '';
  return {
    folder,
    artifacts: { name: cluster.name, engineName, config: `${folder}nodes/${first}/seed/kubeadm.yaml`, ...paths, nodes },
    files,
    texts: new Map([...texts, ...numbered.flatMap(ofMachine)]),
    machines: numbered,
    workloads: workloadObjects,
    images: [...images],
    nodeImages: cluster.nodeImage === null || vmImage(cluster.nodeImage) === null ? [] : [cluster.nodeImage],
  };
}
