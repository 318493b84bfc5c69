/** Which CNI a cluster runs, by the marks that each leaves: a table, pure. */
import type { ObservedCni } from '../../topology/plan.ts';

interface Mark {
  readonly name: string;
  /** Names of its DaemonSets. */
  readonly daemonSet: RegExp;
  /** Annotation that it writes on nodes; '' for none. */
  readonly annotation: string;
  /** Where its pods' addresses come from, unless its own configuration says otherwise. */
  readonly ranges: ObservedCni['ranges'];
}

/** The first that fits: canal runs calico's agent on flannel's network, so flannel's annotation decides before calico's DaemonSet. */
const MARKS: readonly Mark[] = [
  { name: 'bridge', daemonSet: /^cnilab-bridge$/, annotation: '', ranges: 'node' },
  { name: 'flannel', daemonSet: /^(kube-flannel|canal)/, annotation: 'flannel.alpha.coreos.com/backend-type', ranges: 'node' },
  { name: 'calico', daemonSet: /^calico-node$/, annotation: 'projectcalico.org/IPv4Address', ranges: 'cluster' },
  { name: 'weave', daemonSet: /^weave-net$/, annotation: '', ranges: 'unknown' },
  { name: 'kindnet', daemonSet: /^kindnet$/, annotation: '', ranges: 'node' },
  { name: 'cilium', daemonSet: /^cilium$/, annotation: 'network.cilium.io/ipv4-cilium-host', ranges: 'unknown' },
  { name: 'antrea', daemonSet: /^antrea-agent$/, annotation: '', ranges: 'node' },
  { name: 'kube-router', daemonSet: /^kube-router$/, annotation: '', ranges: 'node' },
  { name: 'ovn-kubernetes', daemonSet: /^ovnkube-node/, annotation: 'k8s.ovn.org/node-subnets', ranges: 'unknown' },
  { name: 'aws-vpc-cni', daemonSet: /^aws-node$/, annotation: '', ranges: 'unknown' },
  { name: 'azure-cns', daemonSet: /^azure-cns/, annotation: '', ranges: 'unknown' },
  { name: 'gke-netd', daemonSet: /^(netd|anetd)$/, annotation: '', ranges: 'node' },
];

/**
 * The CNI, as far as DaemonSets and node annotations tell; `unknown` where they do not.
 * @param daemonSets names, of every namespace
 * @param annotations keys of the annotations of any node
 */
export function recogniseCni(daemonSets: readonly string[], annotations: ReadonlySet<string>): Pick<ObservedCni, 'name' | 'ranges'> {
  const mark = MARKS.find((one) => (one.annotation !== '' && annotations.has(one.annotation)) || daemonSets.some((name) => one.daemonSet.test(name)));
  return mark === undefined ? { name: 'unknown', ranges: 'unknown' } : { name: mark.name, ranges: mark.ranges };
}
