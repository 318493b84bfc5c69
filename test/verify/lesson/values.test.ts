import { describe, expect, it } from 'vitest';
import { planLab } from '../../../topology/plan-lab.ts';
import { fill } from '../../../verify/lesson/fill.ts';
import { valuesOf } from '../../../verify/lesson/values.ts';

const plan = planLab({
  name: 'demo',
  underlay: {
    segments: [
      { name: 'left', cidr: '192.168.1.0/24' },
      { name: 'right', cidr: '192.168.2.0/24' },
    ],
  },
  hosts: [{ name: 'pc1', segment: 'left' }],
  clusters: [
    {
      name: 'c1',
      cni: { type: 'flannel' },
      nodes: [
        { name: 'n1', role: 'control-plane', segment: 'left' },
        { name: 'n2', segment: 'right' },
      ],
      workloads: [{ name: 'web', replicas: 2, ports: [{ containerPort: 80 }] }],
      objects: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'web' },
          spec: { type: 'NodePort', clusterIP: '10.96.0.77', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30080 }] },
        },
      ],
    },
  ],
});
const values = valuesOf(plan);
const filled = (text: string): string => fill(text, values);

describe('what a lesson may ask of a lab', () => {
  it('is every address, by each name of its place', () => {
    const [cluster] = plan.clusters;
    const pod = cluster?.pods.find((one) => one.labels['app'] === 'web');
    const address = pod?.interface?.addresses[0]?.address ?? '';
    expect(address).toMatch(/^10\.244\./);
    expect(filled(`\${${pod?.name ?? ''}} \${default/${pod?.name ?? ''}} \${${pod?.id ?? ''}}`)).toBe(`${address} ${address} ${address}`);
    expect(filled('${pc1} ${pc1.gateway} ${pc1.device} ${pc1.mtu}')).toBe('192.168.1.3 192.168.1.1 eth0 1500');
    expect(filled('${router} ${router.right}')).toBe('192.168.1.1 192.168.2.1');
    expect(filled('${n1} ${c1/n1.podCIDR} ${n1.mac}')).toMatch(/^192\.168\.1\.\d+ 10\.244\.0\.0\/24 02:/);
    expect(filled('${svc/web} ${svc/default/web.nodePort} ${svc/web.port} ${cluster.dns} ${cluster.domain}')).toBe(
      '10.96.0.77 30080 80 10.96.0.10 cluster.local',
    );
  });

  it('knows a pod by the name that was planned for it, where a cluster chose another', () => {
    const renamed = {
      ...plan,
      clusters: plan.clusters.map((cluster) => ({
        ...cluster,
        pods: cluster.pods.slice(0, 1).map((pod) => ({ ...pod, id: 'c1/default/web-x7', name: 'web-x7', plannedName: 'web-n1' })),
      })),
    };
    const address = renamed.clusters[0]?.pods[0]?.interface?.addresses[0]?.address ?? '';
    expect(fill('${web-n1} ${default/web-n1} ${c1/default/web-n1} ${web-x7}', valuesOf(renamed))).toBe(Array.from({ length: 4 }, () => address).join(' '));
  });

  it('leaves the dollar signs of the shell alone', () => {
    expect(filled('echo $HOME $(hostname) $1 $${x} $$$$')).toBe('echo $HOME $(hostname) $1 ${x} $$');
  });

  it('is said to be unknown, with what may be meant', () => {
    expect(() => filled('ping ${pc7}')).toThrow(
      expect.objectContaining({ code: 'LESSON_TEMPLATE', message: expect.stringContaining('${pc7}'), hint: 'did you mean ${pc1}?' }),
    );
    expect(() => filled('${}')).toThrow(expect.objectContaining({ code: 'LESSON_TEMPLATE' }));
  });

  it('has no value for a name that two places have', () => {
    const two = planLab({
      name: 'demo',
      clusters: [
        { name: 'c1', cni: { type: 'flannel' }, workers: 0 },
        { name: 'c2', cni: { type: 'flannel' }, workers: 0 },
      ],
    });
    expect(valuesOf(two).has('control-plane1')).toBe(false);
    expect(valuesOf(two).get('c2/control-plane1')).toBe(two.clusters[1]?.nodes[0]?.interfaces[0]?.addresses[0]?.address);
  });
});
