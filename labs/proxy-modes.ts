/**
 * The same cluster twice, with kube-proxy in mode iptables and in mode nftables, so that the two can be laid side by side: a chain per
 * Service against a map, the same verdicts. What differs: nftables serves node ports on the node's own addresses and never on 127.0.0.1;
 * a ping of a cluster IP is not answered under iptables, and rejected under nftables.
 *
 * Try:
 *   cnilab exec proxy-modes old/node1 -- iptables-save -t nat                            KUBE-SERVICES: a rule per Service and port
 *   cnilab exec proxy-modes new/node1 -- nft list map ip kube-proxy service-ips          a map: one lookup for all
 *   cnilab exec proxy-modes old/node1 -- ping -c1 -W1 10.96.0.77                        no answer
 *   cnilab exec proxy-modes new/node1 -- ping -c1 -W1 10.97.0.77                        rejected at once
 *   cnilab verify proxy-modes                                        every check passes in both
 *
 * Where the kernel has ip_vs, `kubeProxy: { mode: 'ipvs', scheduler: 'rr' }` is the third (deprecated since Kubernetes 1.35): `cnilab up` says
 * which engines have it. How each of its schedulers would share connections out needs no kernel: `cnilab explain scheduler rr`.
 */
import { Cluster, Deployment, FlannelCni, Lab, Service } from 'cnilab';

const lab = new Lab({
  name: 'proxy-modes',
  description: 'one cluster per mode of kube-proxy, with the same Services',
  underlay: { cidr: '10.16.59.0/26' },
  outside: { hosts: [{ name: 'client', role: 'client' }] },
});
const MODES = [
  { name: 'old', mode: 'iptables', net: '244', services: '96', first: 13 },
  { name: 'new', mode: 'nftables', net: '245', services: '97', first: 23 },
] as const;
for (const { name, mode, net, services, first } of MODES) {
  const cluster = new Cluster(lab, name, {
    podCIDR: `10.${net}.0.0/16`,
    serviceCIDR: `10.${services}.0.0/16`,
    nodes: [0, 1, 2].map((n) => ({ name: `node${n + 1}`, role: n === 0 ? 'control-plane' : 'worker', address: `10.16.59.${first + n}` }) as const),
    cni: new FlannelCni({ backend: 'vxlan' }),
    kubeProxy: { mode },
  });
  new Deployment(cluster, 'db', { replicas: 3, ports: [{ containerPort: 3306, name: 'mysql' }] });
  const shared = { selector: { app: 'db' } };
  new Service(cluster, 'mysql', { ...shared, clusterIPs: [`10.${services}.0.77`], ports: [{ port: 3306, targetPort: 'mysql' }] });
  new Service(cluster, 'mysql-nodes', { ...shared, type: 'NodePort', ports: [{ port: 3306, targetPort: 'mysql', nodePort: 30080 }] });
  new Service(cluster, 'mysql-sticky', { ...shared, sessionAffinity: { type: 'ClientIP' }, ports: [{ port: 3306, targetPort: 'mysql' }] });
}

export default lab;
