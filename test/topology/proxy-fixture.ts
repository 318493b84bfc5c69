/** Services as the planner would give them, on a small cluster, for the tests of what a proxy makes of them. */
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import type { EndpointPlan, ServicePlan, ServicePortPlan } from '../../topology/services/service-plan.ts';
import type { ClusterSpec, Family } from '../../topology/spec.ts';

/** One control plane and one worker, dual stack, with these Services and no others. */
export function clusterOf(services: readonly ServicePlan[], more: Partial<ClusterSpec> = {}): ClusterPlan {
  const plan = planLab({
    name: 'small',
    underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] },
    clusters: [
      {
        name: 'c1',
        workers: 1,
        cni: { type: 'flannel' },
        podCIDR: ['10.0.0.0/8', 'fd00:10::/48'],
        serviceCIDR: ['172.29.0.0/16', 'fd00:96::/112'],
        ...more,
      },
    ],
  });
  const [cluster] = plan.clusters;
  if (cluster === undefined) throw new Error('no cluster');
  return { ...cluster, services };
}

export function workerOf(cluster: ClusterPlan): NodePlan {
  const node = cluster.nodes.find((n) => n.name === 'worker1');
  if (node === undefined) throw new Error('no worker1');
  return node;
}

/** `ns1/svc1:p80` of kube-proxy's own tests, with an endpoint on each node; `more` changes what it says. */
export function service(more: Partial<ServicePlan> = {}): ServicePlan {
  return {
    id: `c1/${more.namespace ?? 'ns1'}/${more.name ?? 'svc1'}`,
    cluster: 'c1',
    namespace: 'ns1',
    name: 'svc1',
    type: 'ClusterIP',
    headless: false,
    families: ['ipv4'],
    clusterIPs: ['172.30.0.41'],
    externalName: '',
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerSourceRanges: [],
    ports: [port()],
    affinitySeconds: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    selector: { app: 'web' },
    endpoints: [endpoint('10.180.0.1', 'worker1'), endpoint('10.180.2.1', 'control-plane1')],
    ...more,
  };
}

export function port(more: Partial<ServicePortPlan> = {}): ServicePortPlan {
  return { name: 'p80', protocol: 'TCP', port: 80, targetPort: 80, nodePort: null, ...more };
}

export function endpoint(address: string, node: string | null, more: Partial<EndpointPlan> = {}): EndpointPlan {
  const family: Family = address.includes(':') ? 'ipv6' : 'ipv4';
  return { family, address, ports: [{ name: 'p80', protocol: 'TCP', port: 80 }], node, pod: null, hostname: '', ready: true, ...more };
}
