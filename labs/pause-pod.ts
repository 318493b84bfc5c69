/** One node, and a pod of two containers: one serves, the other calls it at localhost. They share one network, and something has to keep it. */
import { BridgeCni, Cluster, KubernetesObjects, Lab } from 'cnilab';
import { lesson } from './lessons/pause-pod.ts';

const lab = new Lab({ name: 'pause-pod', description: 'a pod of two containers, and the sandbox that holds their address', lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '172.17.0.0/16',
  nodes: [{ name: 'node1', role: 'control-plane', podCIDR: '172.17.33.0/24' }],
  cni: new BridgeCni(),
});
new KubernetesObjects(cluster, 'example', [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'example' },
    spec: {
      containers: [
        { name: 'web', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'], ports: [{ containerPort: 80 }] },
        { name: 'loop', image: 'curlimages/curl:8.11.1', command: ['sh', '-c', 'while sleep 10; do curl -s http://localhost:80/hostname; done'] },
      ],
    },
  },
]);

export default lab;
