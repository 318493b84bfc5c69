/** The same Services in two clusters, with kube-proxy in mode iptables and in mode nftables: a list against a map, the same verdicts. */
import { Cluster, Deployment, FlannelCni, Lab, Service } from 'cnilab';
import { lesson } from './lessons/proxy-modes.ts';

const lab = new Lab({
  name: 'proxy-modes',
  description: 'one cluster per mode of kube-proxy, with the same Services',
  underlay: { cidr: '10.16.59.0/26' },
  outside: { hosts: [{ name: 'client', role: 'client' }] },
  lesson,
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
