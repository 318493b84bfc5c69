import { describe, expect, it } from 'vitest';
import { formatPath } from '../../topology/format-diagnostic.ts';
import { labJsonSchema, parseLabSpec } from '../../topology/schema.ts';
import type { LabSpec } from '../../topology/spec.ts';

const flannel = { type: 'flannel' };

/** A lab that uses every field once; its type keeps it in step with the spec. */
const everything: LabSpec = {
  name: 'all',
  description: 'every field',
  underlay: { mtu: 1500, segments: [{ name: 'a', cidr: ['10.0.1.0/24', 'fd00:1::/64'], mtu: 1400 }] },
  hosts: [{ name: 'h', segment: 'a', address: '10.0.1.9', gateway: 'none', routes: [{ to: '0.0.0.0/0', via: '10.0.1.1' }], role: 'resolver' }],
  routers: [{ name: 'r', interfaces: [{ segment: 'a', address: ['10.0.1.1'] }], routes: [], forwarding: false }],
  outside: { cidr: '203.0.113.0/24', router: 'r', hosts: [{ name: 'o', role: 'client', address: '203.0.113.9' }] },
  clusters: [
    {
      name: 'c1',
      kubernetesVersion: '1.36',
      nodes: [{ name: 'n', role: 'worker', segment: 'a', address: '10.0.1.5', podCIDR: '10.244.0.0/24', labels: { a: 'b' } }],
      podCIDR: '10.244.0.0/16',
      serviceCIDR: '10.96.0.0/16',
      nodeMask: { ipv4: 24, ipv6: 64 },
      kubeProxy: { mode: 'ipvs', scheduler: 'rr' },
      dnsDomain: 'cluster.local',
      cni: { type: 'bridge', bridge: 'cni0', routesOn: 'nodes', mtu: 1400, masquerade: true },
      workloads: [
        {
          name: 'w',
          namespace: 'x',
          perNode: 1,
          replicas: 2,
          labels: { a: 'b' },
          ports: [{ containerPort: 80, protocol: 'TCP', name: 'http', hostPort: 8080 }],
          hostNetwork: false,
          nodeSelector: { a: 'b' },
        },
      ],
      objects: [
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'x', labels: {}, annotations: {}, finalizers: [] }, spec: { containers: [] } },
      ],
    },
    { name: 'c2', controlPlanes: 1, workers: 1, cni: { type: 'flannel', backend: 'vxlan', vni: 1, port: 8472, directRouting: true, mtu: 1500 } },
    { name: 'c3', cni: { type: 'calico', encapsulation: 'none', blockSize: 26, routeReflectors: ['n'], asNumber: 64512, natOutgoing: true, mtu: 1400 } },
    { name: 'c4', cni: { type: 'weave', range: '10.50.0.0/16', mtu: 1376 } },
    { name: 'c5', cni: { type: 'raw', conflist: { name: 'x' }, pluginDirs: ['bin'], routesOn: 'none', mtu: 1500 } },
  ],
};

describe('parseLabSpec', () => {
  it('takes every field of the spec, and changes nothing', () => {
    expect(parseLabSpec(everything)).toEqual({ ok: true, spec: everything });
    expect(parseLabSpec({ name: 'x', underlay: { cidr: '10.0.0.0/24' } })).toMatchObject({ ok: true });
  });

  it('leaves the address of the schema out', () => {
    expect(parseLabSpec({ $schema: './lab.schema.json', name: 'x' })).toEqual({ ok: true, spec: { name: 'x' } });
  });

  it.each([
    [
      'unknown field, near one',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, podCidr: '10.0.0.0/16' }] },
      'clusters.c1.podCidr',
      'FIELD_UNKNOWN',
      'the fields are name, kubernetesVersion,',
      'did you mean podCIDR?',
    ],
    [
      'unknown field, near none',
      { name: 'x', zzzz: 1 },
      'zzzz',
      'FIELD_UNKNOWN',
      'the fields are name, description, underlay, clusters, hosts, routers, outside',
      'remove zzzz',
    ],
    [
      'a field of another CNI',
      { name: 'x', clusters: [{ name: 'c1', cni: { type: 'calico', vni: 1 } }] },
      'clusters.c1.cni.vni',
      'FIELD_UNKNOWN',
      'encapsulation',
      'remove vni',
    ],
    ['a prototype as a field', JSON.parse('{"name":"x","__proto__":{}}'), '__proto__', 'FIELD_UNKNOWN', 'there is no field', 'remove'],
    ['missing name', {}, 'name', 'FIELD_MISSING', 'name is missing', 'name: my-lab'],
    ['missing cni', { name: 'x', clusters: [{ name: 'c1' }] }, 'clusters.c1.cni', 'FIELD_MISSING', 'cni is missing', 'type: flannel'],
    [
      'missing type',
      { name: 'x', clusters: [{ name: 'c1', cni: {} }] },
      'clusters.c1.cni.type',
      'FIELD_MISSING',
      'type is missing',
      'bridge | flannel | calico | weave | kindnet | raw',
    ],
    [
      'unknown CNI',
      { name: 'x', clusters: [{ name: 'c1', cni: { type: 'cilium' } }] },
      'clusters.c1.cni.type',
      'FIELD_VALUE',
      'allowed: bridge, flannel, calico, weave, kindnet, raw',
      'use one of',
    ],
    [
      'removed CNI',
      { name: 'x', clusters: [{ name: 'c1', cni: { type: 'kubenet' } }] },
      'clusters.c1.cni.type',
      'FIELD_VALUE',
      '"kubenet"',
      'removed in Kubernetes 1.24',
    ],
    [
      'misspelt value',
      { name: 'x', clusters: [{ name: 'c1', cni: { type: 'flannel', backend: 'vlan' } }] },
      'clusters.c1.cni.backend',
      'FIELD_VALUE',
      'allowed: vxlan, host-gw',
      'did you mean vxlan?',
    ],
    [
      'version as a number',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, kubernetesVersion: 1.3 }] },
      'clusters.c1.kubernetesVersion',
      'FIELD_TYPE',
      'must be text',
      'quotes',
    ],
    [
      'number as text',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, workers: '2' }] },
      'clusters.c1.workers',
      'FIELD_TYPE',
      'a whole number, not text ("2")',
      'without quotes: 2',
    ],
    ['fraction', { name: 'x', underlay: { mtu: 1500.5 } }, 'underlay.mtu', 'FIELD_TYPE', 'a whole number', 'whole number'],
    [
      'negative count',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, workers: -1 }] },
      'clusters.c1.workers',
      'FIELD_VALUE',
      'workers is -1; it must be at least 0',
      'at least 0',
    ],
    ['too many', { name: 'x', clusters: [{ name: 'c1', cni: flannel, workers: 1e9 }] }, 'clusters.c1.workers', 'FIELD_VALUE', 'at most 1000', 'at most 1000'],
    [
      'port',
      { name: 'x', clusters: [{ name: 'c1', cni: { type: 'flannel', port: 65536 } }] },
      'clusters.c1.cni.port',
      'FIELD_VALUE',
      'at most 65535',
      'at most',
    ],
    ['null', { name: 'x', underlay: null }, 'underlay', 'FIELD_TYPE', 'not empty (null)', 'leave the field out'],
    ['CIDR of the wrong type', { name: 'x', underlay: { cidr: 3 } }, 'underlay.cidr', 'FIELD_TYPE', 'text or a list, not a number (3)', 'quotes'],
    [
      'CIDR in a list of the wrong type',
      { name: 'x', underlay: { cidr: ['10.0.0.0/8', 4] } },
      'underlay.cidr[1]',
      'FIELD_TYPE',
      'item 2 of cidr must be text',
      'quotes',
    ],
    [
      'empty CIDR list',
      { name: 'x', underlay: { cidr: [] } },
      'underlay.cidr',
      'FIELD_VALUE',
      'cidr has 0 items; it must have at least 1',
      'leave the field out',
    ],
    ['a mapping for a list', { name: 'x', hosts: { name: 'h' } }, 'hosts', 'FIELD_TYPE', 'hosts must be a list', '"- "'],
    ['an element that is none', { name: 'x', clusters: [null] }, 'clusters[0]', 'FIELD_TYPE', 'item 1 of clusters must be a mapping of fields', 'leave'],
    [
      'a label that is a number',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, workloads: [{ name: 'w', labels: { v: 1 } }] }] },
      'clusters.c1.workloads.w.labels.v',
      'FIELD_TYPE',
      'v must be text',
      '"1"',
    ],
    [
      'boolean as text',
      { name: 'x', routers: [{ name: 'r', interfaces: [{ segment: 'a' }], forwarding: 'yes' }] },
      'routers.r.forwarding',
      'FIELD_TYPE',
      'true or false',
      'without quotes',
    ],
    ['no lab at all', 42, '', 'FIELD_TYPE', 'a lab must be a mapping of fields', 'mapping'],
    ['nothing', undefined, '', 'FIELD_MISSING', 'empty', 'add'],
    [
      'object without a name',
      { name: 'x', clusters: [{ name: 'c1', cni: flannel, objects: [{ apiVersion: 'v1', kind: 'Pod', metadata: {} }] }] },
      'clusters.c1.objects[0].metadata.name',
      'FIELD_MISSING',
      'name is missing',
      'name',
    ],
  ])('%s', (_title, input, place, code, message, hint) => {
    const result = parseLabSpec(input);
    if (result.ok) throw new Error('taken');
    expect(result.diagnostics.map((d) => [formatPath(d.path, input), d.code])).toEqual([[place, code]]);
    expect(result.diagnostics[0]).toMatchObject({
      severity: 'error',
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  it('tells every problem at once', () => {
    const result = parseLabSpec({ nam: 'x', clusters: [{ cni: { type: 'cilium' }, workers: 'two', a: 1, b: 2 }] });
    expect(result.ok ? [] : result.diagnostics.map((d) => `${d.code} ${d.path.join('.')}`)).toEqual([
      'FIELD_MISSING name',
      'FIELD_MISSING clusters.0.name',
      'FIELD_TYPE clusters.0.workers',
      'FIELD_VALUE clusters.0.cni.type',
      'FIELD_UNKNOWN clusters.0.a',
      'FIELD_UNKNOWN clusters.0.b',
      'FIELD_UNKNOWN nam',
    ]);
  });
});

describe('labJsonSchema', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly $defs?: Readonly<Record<string, Schema>>;
    readonly description?: string;
    readonly default?: unknown;
    readonly additionalProperties?: unknown;
    readonly $schema?: string;
  }
  const schema = labJsonSchema() as Schema;

  it('is draft 2020-12, closed, and the same in every run', () => {
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.additionalProperties).toBe(false);
    expect(JSON.stringify(labJsonSchema())).toBe(JSON.stringify(schema));
    expect(Object.keys(schema.$defs ?? {}).filter((id) => id.startsWith('__'))).toEqual([]);
  });

  it('describes what authors type, with defaults', () => {
    expect(schema.$defs?.['Cluster']?.properties?.['kubernetesVersion']).toMatchObject({
      default: '1.37',
      description: expect.stringContaining('major.minor') as string,
    });
    expect(schema.$defs?.['FlannelCni']?.properties?.['port']).toMatchObject({ type: 'integer', minimum: 1, maximum: 65535, default: 8472 });
    const undescribed = Object.entries(schema.properties ?? {})
      .filter(([, field]) => field.description === undefined)
      .map(([key]) => key);
    expect(undescribed).toEqual([]);
  });
});
