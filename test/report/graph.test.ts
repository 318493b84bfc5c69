/** Pictures of labs: goldens of every CNI, and no text that is covered, crossed or cut off in any of them. */
import { describe, expect, it } from 'vitest';
import { layoutGraph } from '../../report/graph/layout.ts';
import { LOOKS } from '../../report/graph/looks.ts';
import { renderMermaid } from '../../report/graph/mermaid.ts';
import { type BoxShape, lineHeight, type LineShape, type Scene, type TextShape, textWidth } from '../../report/graph/scene.ts';
import { renderSvg } from '../../report/graph/svg.ts';
import type { GraphMark, LabGraph } from '../../topology/graph/graph.ts';
import { graphOfPlan } from '../../topology/graph/graph-of-plan.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';
import { everyCni } from '../every-cni.ts';

const one = (cni: CniSpec, rest: Partial<LabSpec> = {}, workers = 1): LabSpec => ({
  name: 'one',
  ...rest,
  clusters: [{ name: 'c1', workers, kubernetesVersion: '1.32', cni, workloads: [{ name: 'web', perNode: 2 }] }],
});
const OUTSIDE = { outside: { hosts: [{ name: 'client' }, { name: 'other' }] } };
const SEGMENTS = {
  underlay: {
    segments: [
      { name: 'left', cidr: '10.0.1.0/24' },
      { name: 'right', cidr: '10.0.2.0/24' },
    ],
  },
};

const LABS: Readonly<Record<string, LabSpec>> = {
  bridge: one({ type: 'bridge' }, OUTSIDE),
  'flannel-vxlan': one({ type: 'flannel' }),
  'flannel-host-gw': one({ type: 'flannel', backend: 'host-gw' }),
  kindnet: one({ type: 'kindnet' }),
  'calico-bgp': one({ type: 'calico', encapsulation: 'none' }, OUTSIDE),
  'calico-reflectors': one({ type: 'calico', encapsulation: 'none', routeReflectors: ['worker1', 'worker2'] }, {}, 3),
  'calico-ipip': one({ type: 'calico', encapsulation: 'ipip' }),
  'calico-cross-subnet': {
    name: 'one',
    description: 'two segments, "one" cluster & <a> router: `#1`',
    ...SEGMENTS,
    ...OUTSIDE,
    clusters: [
      {
        name: 'c1',
        nodes: [
          { name: 'a', role: 'control-plane', segment: 'left' },
          { name: 'b', segment: 'right' },
        ],
        cni: { type: 'calico', encapsulation: 'crossSubnet' },
        workloads: [{ name: 'web', perNode: 1 }],
      },
    ],
  },
  weave: one({ type: 'weave' }),
  networks: {
    name: 'one',
    clusters: [
      {
        name: 'c1',
        workers: 1,
        cni: { type: 'bridge' },
        networks: [
          { name: 'storage', cidr: '10.60.0.0/16' },
          { name: 'backup', cidr: '10.61.0.0/16' },
        ],
        workloads: [
          { name: 'web', perNode: 1, networks: ['storage', 'backup'] },
          { name: 'db', perNode: 1, networks: ['storage'] },
        ],
      },
    ],
  },
  hosts: { name: 'lan', hosts: [{ name: 'a' }, { name: 'b' }] },
  'flannel-udp': one({ type: 'flannel', backend: 'udp' }),
  docker: {
    name: 'docker',
    hosts: [
      {
        name: 'docker1',
        docker: {
          networks: [{ name: 'shop', subnet: '172.18.0.0/16' }],
          containers: [
            { name: 'web', ports: [{ hostPort: 8080, containerPort: 80 }] },
            { name: 'sidecar', network: 'container:web' },
            { name: 'agent', network: 'host' },
            { name: 'alone', network: 'none' },
            { name: 'db', network: 'shop' },
          ],
        },
      },
      { name: 'client' },
    ],
  },
};

/** Larger, and crooked ones, that no golden is kept of. */
const MORE: Readonly<Record<string, LabSpec>> = {
  'many pods on many nodes': {
    ...one({ type: 'flannel' }, OUTSIDE),
    clusters: [{ name: 'c1', workers: 20, cni: { type: 'flannel' }, workloads: [{ name: 'a-workload-of-a-long-name', perNode: 17 }] }],
  },
  'two clusters, pods on the host network': {
    name: 'two',
    description: 'a long description '.repeat(20),
    clusters: ['east', 'west'].map((name) => ({
      name,
      cni: { type: 'flannel' as const },
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'agent', perNode: 1, hostNetwork: true },
      ],
    })),
  },
  'routers that share segments': {
    name: 'routers',
    underlay: { segments: ['a', 'b', 'c'].map((name, i) => ({ name, cidr: `10.0.${String(i)}.0/24` })) },
    routers: [
      { name: 'r1', interfaces: [{ segment: 'a' }, { segment: 'b' }] },
      { name: 'r2', interfaces: [{ segment: 'a' }, { segment: 'c' }] },
      { name: 'r3', interfaces: [{ segment: 'b' }, { segment: 'c' }] },
    ],
    hosts: [
      { name: 'h1', segment: 'a' },
      { name: 'h2', segment: 'c' },
    ],
  },
};

const graphOf = (spec: LabSpec): LabGraph => graphOfPlan(planLab(spec));
/** Two namespaces, and a cable that somebody laid between them. */
function joinedByHand(): LabGraph {
  const graph = graphOf({ name: 'by-hand', hosts: ['ns1', 'ns2', 'ns3'].map((name) => ({ name, segment: 'none' })) });
  const device = {
    kind: 'other',
    addresses: ['10.1.1.2/24'],
    mtuBytes: 1500,
    master: null,
    segment: null,
    mark: { what: 'unplanned', says: ['it is not planned'] },
  } as const;
  return {
    ...graph,
    source: 'running',
    machines: graph.machines.map((machine, at) => ({ ...machine, devices: at < 2 ? [{ ...device, name: `veth${String(at)}` }] : [] })),
    pairs: [
      [
        { machine: 'ns1', device: 'veth0' },
        { machine: 'ns2', device: 'veth1' },
      ],
    ],
  };
}

const every: readonly (readonly [string, LabGraph])[] = [
  ['a cable laid by hand', joinedByHand()],
  ...Object.entries({ ...LABS, ...MORE }).map(([name, spec]) => [name, graphOf(spec)] as const),
  ...everyCni.filter(({ name }) => name.includes('nftables')).map(({ name, plan }) => [name, graphOfPlan(plan)] as const),
];

describe('the picture of each CNI', () => {
  it.each(Object.entries(LABS))('%s', async (name, spec) => {
    await expect(renderMermaid(graphOf(spec))).toMatchFileSnapshot(`golden/graph-${name}.mmd`);
    await expect(renderSvg(graphOf(spec))).toMatchFileSnapshot(`golden/graph-${name}.svg`);
  });

  it.each(every)('has all of %s, or says how many it has not', (_name, graph) => {
    const text = renderSvg(graph);
    const mermaid = renderMermaid(graph);
    for (const drawn of [text, mermaid]) for (const { name } of graph.segments) expect(drawn).toContain(name);
    const nodes = graph.machines.filter(({ kind }) => kind === 'node');
    if (nodes.length <= 7) {
      for (const { id, devices } of nodes) {
        expect(text).toContain(id);
        for (const address of devices.flatMap((device) => device.addresses)) expect([text.includes(address), mermaid.includes(address)]).toEqual([true, true]);
      }
    } else expect([text, mermaid].every((drawn) => drawn.includes(`and ${String(nodes.length - 6)} more nodes`))).toBe(true);
  });

  it('counts what it folds, and draws what is marked', () => {
    const graph = graphOf(MORE['many pods on many nodes'] ?? { name: 'none' });
    const mark: GraphMark = { what: 'missing', says: ['its namespace is gone'] };
    const last = graph.machines.findLast(({ kind }) => kind === 'node');
    const marked = {
      ...graph,
      machines: graph.machines.map((machine) =>
        machine === last ? { ...machine, pods: machine.pods.map((pod, i) => (i === 16 ? { ...pod, mark } : pod)) } : machine,
      ),
    };
    const pod = last?.pods[16]?.id.split('/').slice(1).join('/') ?? '?';
    for (const render of [renderSvg, renderMermaid]) {
      expect(render(graph)).not.toContain(pod);
      expect(render(marked)).toContain(pod);
      expect(render(marked)).toContain('its namespace is gone');
      expect(render(graph)).toContain('and 12 more pods');
      expect(render(graph)).toContain('and 15 more nodes');
    }
  });

  it('has machines without a segment, and the cable that was laid between them', () => {
    const graph = joinedByHand();
    for (const drawn of [renderSvg(graph), renderMermaid(graph)]) for (const name of ['ns1', 'ns2', 'ns3', 'veth0']) expect(drawn).toContain(name);
    expect(renderMermaid(graph)).toContain('m1d1 --- m2d1');
    const lines = layoutGraph(graph).shapes.filter((shape) => shape.shape === 'line' && shape.points.length === 4);
    expect(lines).toHaveLength(1);
  });

  it('has a session of two reflectors once: as many pairs as sessions', () => {
    const { overlays } = graphOf(one({ type: 'calico', encapsulation: 'none', routeReflectors: ['worker1', 'worker2'] }, {}, 5));
    expect(overlays.map(({ members }) => members.length - 1).reduce((a, b) => a + b)).toBe(9);
  });
});

describe('a scene', () => {
  it.each(every)('of %s has no text that is covered, crossed or cut off', (_name, graph) => {
    expect(troubles(layoutGraph(graph))).toEqual([]);
  });

  it('is found out where it has', () => {
    const scene = layoutGraph(graphOf(LABS['flannel-vxlan'] ?? { name: 'none' }));
    const text = scene.shapes.find((shape): shape is TextShape => shape.shape === 'text' && shape.text === 'eth0');
    if (text === undefined) throw new Error('there is no eth0');
    const width = textWidth(text.text, text.size);
    const broken = (more: Scene['shapes'][number]): readonly string[] => troubles({ ...scene, shapes: [...scene.shapes, more] });
    expect(broken({ ...text, x: text.x + 3 })).not.toEqual([]);
    expect(broken({ ...text, x: scene.width - 4 })).not.toEqual([]);
    expect(
      broken({
        shape: 'line',
        look: 'cable',
        dash: '',
        points: [
          [text.x + width / 2, 0],
          [text.x + width / 2, scene.height],
        ],
      }),
    ).not.toEqual([]);
    expect(broken({ shape: 'box', look: 'pod', round: 0, tip: '', x: text.x + 5, y: text.y - 5, width: 40, height: 40 })).not.toEqual([]);
  });

  it('has the contrast that people need', () => {
    for (const [name, { fill, stroke, text }] of Object.entries(LOOKS)) {
      expect(contrast(text, fill), name).toBeGreaterThanOrEqual(4.5);
      if (name !== 'page') expect(contrast(stroke, '#ffffff'), name).toBeGreaterThanOrEqual(3);
    }
  });
});

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const areaOf = (text: TextShape): Area => ({ x: text.x, y: text.y, width: textWidth(text.text, text.size), height: lineHeight(text.size) });
const overlap = (a: Area, b: Area): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const inside = (a: Area, b: Area): boolean => a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;

/** What is wrong with a scene, in words. Lines are horizontal or vertical. */
function troubles({ width, height, shapes }: Scene): readonly string[] {
  const texts = shapes.filter((shape): shape is TextShape => shape.shape === 'text');
  const boxes = shapes.filter((shape): shape is BoxShape => shape.shape === 'box');
  const segments = shapes
    .filter((shape): shape is LineShape => shape.shape === 'line')
    .flatMap(({ points }) =>
      points.slice(1).map(([x2, y2], i): Area => {
        const [x1, y1] = points[i] ?? [x2, y2];
        return { x: Math.min(x1, x2) - 1, y: Math.min(y1, y2) - 1, width: Math.abs(x1 - x2) + 2, height: Math.abs(y1 - y2) + 2 };
      }),
    );
  const said: string[] = [];
  texts.forEach((text, i) => {
    const area = areaOf(text);
    if (!inside(area, { x: 0, y: 0, width, height })) said.push(`${text.text} is cut off`);
    for (const other of texts.slice(i + 1)) if (overlap(area, areaOf(other))) said.push(`${text.text} and ${other.text} overlap`);
    if (segments.some((line) => overlap(area, line))) said.push(`${text.text} is crossed by a line`);
    for (const box of boxes) if (overlap(area, box) && !inside(area, box)) said.push(`${text.text} is cut by a box at ${String(box.x)},${String(box.y)}`);
  });
  boxes.forEach((box, i) => {
    // The rail of the pods leads into the bridge; dots of overlays are on lines.
    if (box.width < 20) return;
    for (const other of boxes.slice(i + 1))
      if (other.width >= 20 && overlap(box, other) && !inside(box, other) && !inside(other, box))
        said.push(`boxes overlap at ${String(box.x)},${String(box.y)}`);
  });
  return said;
}

/** Contrast ratio of two colours (WCAG 2.2, relative luminance). */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [bright = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (bright + 0.05) / (dark + 0.05);
}
