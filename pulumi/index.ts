/** The program of Pulumi.yaml: one lab, as the stack's configuration says. docs/pulumi.md lists the keys. */
import { resolve } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import type { LabInput } from '../lab/api.ts';
import { configuredLab, labNameOf } from './configured-lab.ts';
import { LabCluster } from './lab-cluster.ts';

/** Programs that Pulumi started know their organization, and no others. */
function requirePulumi(): void {
  try {
    pulumi.getOrganization();
  } catch (cause) {
    throw new Error('this program is run by Pulumi: `pulumi up` in the folder of Pulumi.yaml', { cause });
  }
}

requirePulumi();
const config = new pulumi.Config();
const name = labNameOf(pulumi.getProject(), pulumi.getStack());

/** A promise: what is thrown while a program loads reaches the user a minute later. */
async function lab(): Promise<LabInput> {
  const [workers, podsPerNode] = [config.getNumber('workers'), config.getNumber('podsPerNode')];
  const file = config.get('lab');
  // As seen from Pulumi.yaml: the program itself runs in the folder of its `main`.
  const path = file === undefined ? undefined : resolve(pulumi.getRootDirectory(), file);
  return Promise.resolve(configuredLab(name, { lab: path, cni: config.get('cni'), workers, podsPerNode }));
}

const nodeImage = config.get('nodeImage');
const cluster = new LabCluster(name, {
  lab: lab(),
  engine: config.get('engine') ?? 'netns',
  offline: config.getBoolean('offline') ?? false,
  manifests: config.get<'pulumi' | 'engine'>('manifests', { allowedValues: ['pulumi', 'engine'] }) ?? 'pulumi',
  verification: { report: config.get<'fail' | 'only'>('report', { allowedValues: ['fail', 'only'] }) ?? 'fail' },
  ...(nodeImage === undefined ? {} : { nodeImage }),
});

export const labName: LabCluster['lab'] = cluster.lab;
export const engine: LabCluster['engine'] = cluster.engine;
export const nodeAddresses: LabCluster['nodeAddresses'] = cluster.nodeAddresses;
export const podCIDRs: LabCluster['podCIDRs'] = cluster.podCIDRs;
export const serviceCIDRs: LabCluster['serviceCIDRs'] = cluster.serviceCIDRs;
export const kubeconfig: LabCluster['kubeconfig'] = cluster.kubeconfig;
/** pass, fail or inconclusive, with the figures behind it; `pulumi stack output verification`. */
export const verification: pulumi.Output<object | null> = cluster.report.apply((report) =>
  report === null
    ? null
    : { verdict: report.verdict, requirements: Object.fromEntries(report.requirements.map(({ id, verdict }) => [id, verdict])), totals: report.totals },
);
