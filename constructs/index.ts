export { BridgeCni, type BridgeCniProps } from './cni/bridge-cni.ts';
export { CalicoCni, type CalicoBgpProps, type CalicoCniProps, type CalicoOverlayProps } from './cni/calico-cni.ts';
export type { Cni } from './cni/cni.ts';
export {
  FlannelCni,
  type FlannelCniProps,
  type FlannelDockerProps,
  type FlannelHostGwProps,
  type FlannelUdpProps,
  type FlannelVxlanProps,
} from './cni/flannel-cni.ts';
export { KindnetCni, type KindnetCniProps } from './cni/kindnet-cni.ts';
export { RawCni, type CniConfigList, type CniPluginConfig, type RawCniProps } from './cni/raw-cni.ts';
export { WeaveCni, type WeaveCniProps } from './cni/weave-cni.ts';
export { Cluster, type ClusterProps, type CountedNodesProps, type IpvsProxyProps, type NamedNodesProps, type RulesProxyProps } from './cluster.ts';
export { DaemonSet, type DaemonSetProps } from './daemon-set.ts';
export { Deployment, type DeploymentProps } from './deployment.ts';
export { EndpointSlice, type EndpointProps, type EndpointSliceProps } from './endpoint-slice.ts';
export {
  Ingress,
  type IngressBackendProps,
  type IngressDefaultProps,
  type IngressHostProps,
  type IngressPathProps,
  type IngressProps,
  type IngressRulesProps,
} from './ingress.ts';
export { KubernetesObjects } from './kubernetes-objects.ts';
export { Lab, type LabProps, type SegmentedProps, type SingleSegmentProps, type UnderlayProps } from './lab.ts';
export {
  NetworkPolicy,
  type BlockPeerProps,
  type EgressRuleProps,
  type IngressRuleProps,
  type LabelSelectorProps,
  type NetworkPolicyProps,
  type PodPeerProps,
  type PolicyPeerProps,
  type PolicyPortProps,
} from './network-policy.ts';
export { Pod, type PodProps } from './pod.ts';
export { PodsPerNode, type PodsPerNodeProps } from './pods-per-node.ts';
export {
  Service,
  type ClusterIPServiceProps,
  type ExternalNameServiceProps,
  type HeadlessServiceProps,
  type LoadBalancerServiceProps,
  type NodePortProps,
  type NodePortServiceProps,
  type ServicePortProps,
  type ServiceProps,
} from './service.ts';
export { StatefulSet, type StatefulSetProps } from './stateful-set.ts';
export { Workload, type LoweredWorkload, type PodTemplateProps, type PortProps } from './workload.ts';
