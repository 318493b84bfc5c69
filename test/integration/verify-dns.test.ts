import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { serviceObject } from '../service-object.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'dns-server');

const HTTP = [{ name: 'http', port: 80, targetPort: 8080 }];
const service = (name: string, spec: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { selector: { app: 'web' }, ports: HTTP, ...spec });

describe.skipIf(why !== null)('the suite dns on the embedded engine', () => {
  it('a healthy lab passes, beside its Services; a DNS that is gone is found', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up({
      name: 'names',
      clusters: [
        {
          name: 'c1',
          workers: 1,
          cni: { type: 'flannel' },
          workloads: [{ name: 'web', perNode: 1 }],
          objects: [service('web'), service('pods', { clusterIP: 'None' }), service('abroad', { type: 'ExternalName', externalName: 'example.com' })],
        },
      ],
    });
    const healthy = await lab.verify({ suites: ['services', 'dns'] });
    expect(told(healthy).filter((line) => !line.includes(': skip: '))).toEqual([]);
    expect(healthy.verdict).toBe('pass');
    expect(healthy.notLookedAt.join('\n')).toContain('a program of the lab serves it');

    const node = 'node.c1.worker1';
    const broken = await lab.verify({ suites: ['dns'], deadlineMs: 300 }, [[node, 'iptables', '-t', 'nat', '-F', 'KUBE-SERVICES']]);
    expect(failing(broken)).toContain('dns-records');
    expect(new Set(broken.checks.flatMap((check) => check.failures).map((one) => one.clientNode))).toEqual(new Set(['c1/worker1']));
  });
});
