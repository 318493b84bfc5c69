/** All checks, in the order in which they run and are reported. */
import type { ServiceCheckId } from '../services/judge.ts';
import { attachments } from './attachments.ts';
import type { Check } from './check.ts';
import { controls } from './controls.ts';
import { dnsLadder } from './dns-ladder.ts';
import { dnsRecords } from './dns-records.ts';
import { dnsResolvConf } from './dns-resolv-conf.ts';
import { dnsSearch } from './dns-search.ts';
import { ingress } from './ingress.ts';
import { inventoryCniCheck } from './inventory-cni.ts';
import { loss } from './loss.ts';
import { policyMatrix } from './policy-matrix.ts';
import { r1PodToPod } from './r1-pod-to-pod.ts';
import { r2NodeToPod } from './r2-node-to-pod.ts';
import { r2PodToNode } from './r2-pod-to-node.ts';
import { r3SelfView } from './r3-self-view.ts';
import { self } from './self.ts';
import { serviceAffinity } from './service-affinity.ts';
import { serviceClusterIp } from './service-cluster-ip.ts';
import { serviceFromNode } from './service-from-node.ts';
import { serviceHairpin } from './service-hairpin.ts';
import { serviceLoadBalancer } from './service-load-balancer.ts';
import { serviceNoEndpoints } from './service-no-endpoints.ts';
import { serviceNodePort } from './service-node-port.ts';
import { serviceSource } from './service-source.ts';
import { serviceTrafficPolicy } from './service-traffic-policy.ts';
import { serviceUdpReuse } from './service-udp-reuse.ts';
import { sizeSweep } from './size-sweep.ts';

export type CheckId =
  | 'r1-pod-to-pod'
  | 'r2-node-to-pod'
  | 'r2-pod-to-node'
  | 'r3-self-view'
  | 'self'
  | 'size-sweep'
  | 'loss'
  | 'controls'
  | 'inventory-cni'
  | 'attachments'
  | ServiceCheckId
  | 'service-udp-reuse'
  | 'ingress'
  | 'dns-ladder'
  | 'dns-records'
  | 'dns-search'
  | 'dns-resolv-conf'
  | 'policy-matrix';

export const checks: Readonly<Record<CheckId, Check>> = {
  'r1-pod-to-pod': r1PodToPod,
  'r2-node-to-pod': r2NodeToPod,
  'r2-pod-to-node': r2PodToNode,
  'r3-self-view': r3SelfView,
  self,
  'size-sweep': sizeSweep,
  loss,
  controls,
  'inventory-cni': inventoryCniCheck,
  attachments,
  'service-cluster-ip': serviceClusterIp,
  'service-from-node': serviceFromNode,
  'service-hairpin': serviceHairpin,
  'service-node-port': serviceNodePort,
  'service-load-balancer': serviceLoadBalancer,
  'service-affinity': serviceAffinity,
  'service-traffic-policy': serviceTrafficPolicy,
  'service-no-endpoints': serviceNoEndpoints,
  'service-source': serviceSource,
  'service-udp-reuse': serviceUdpReuse,
  ingress,
  'dns-ladder': dnsLadder,
  'dns-records': dnsRecords,
  'dns-search': dnsSearch,
  'dns-resolv-conf': dnsResolvConf,
  'policy-matrix': policyMatrix,
};
