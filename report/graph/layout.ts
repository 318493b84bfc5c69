/** Where everything of a picture stands: machines over their segments, overlays as lines between, routers below, the outside beneath them. */
import type { GraphMark, GraphSegment, LabGraph } from '../../topology/graph/graph.ts';
import { printable, wrap } from '../layout.ts';
import { cardOf, cardText, placeCard, type Card } from './card.ts';
import { foldGraph, homeOf, type DrawnGraph } from './fold.ts';
import { machineBox, SPEAKER, type MachineBox, type Port } from './machine-box.ts';
import { notesOf } from './notes.ts';
import { extentOf, lineHeight, moved, textWidth, type Scene, type Shape } from './scene.ts';
import { moreMachines, overlayWords, segmentWords } from './words.ts';

const MARGIN = 24;
const MACHINE_GAP = 24;
const COLUMN_GAP = 48;
const LANE = 44;
const CHANNEL = 12;
const DASHES = { vxlan: '7 4', ipip: '7 4', udp: '7 4', bgp: '2 4' } as const;
const TUNNELS = { vxlan: 'VXLAN', ipip: 'IPIP', udp: 'UDP' } as const;
/** Text at the foot is not narrower than that, in pixels. */
const TEXT_WIDTH = 560;

/** A segment with who stands on it; null: nobody's, with the machines that have no cable. */
interface Column {
  readonly segment: GraphSegment | null;
  readonly card: Card | null;
  readonly more: readonly string[];
  readonly boxes: readonly MachineBox[];
}

interface Placed {
  readonly box: MachineBox;
  readonly x: number;
  readonly y: number;
}

interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Lays a graph out. The same graph gives the same scene. */
export function layoutGraph(graph: LabGraph): Scene {
  const drawn = foldGraph(graph);
  const notes = notesOf(drawn);
  const noteOf = (mark: GraphMark | null): number | null => (mark === null ? null : (notes.find((one) => one.mark === mark)?.number ?? null));
  const body = layoutBody(drawn, noteOf);
  const { width, height } = extentOf(body);
  const textColumns = Math.max(TEXT_WIDTH, width);
  const head = paragraph(graph.lab, 16, textColumns, true, 'page');
  const about = graph.description === '' ? [] : moved(paragraph(graph.description, 12, textColumns, false, 'page'), 0, extentOf(head).height + 2);
  const top = [...head, ...about];
  const bodyTop = extentOf(top).height + 20;
  const foot: Shape[] = [...moved(body, 0, bodyTop)];
  let y = bodyTop + height + 24;
  for (const { look, dash, text } of legendOf(graph)) {
    foot.push({
      shape: 'line',
      points: [
        [0, y + 8],
        [36, y + 8],
      ],
      look,
      dash,
    });
    foot.push({ shape: 'text', x: 46, y, text, size: 11, bold: false, look: 'page' });
    y += 18;
  }
  for (const { number, id, mark } of notes) {
    for (const said of mark.says) {
      const lines = paragraph(`[${String(number)}] ${id}: ${said}`, 11, textColumns, false, 'differs');
      foot.push(...moved(lines, 0, y + 4));
      y += extentOf(lines).height + 2;
    }
  }
  const shapes = moved([...top, ...foot], MARGIN, MARGIN);
  const extent = extentOf(shapes);
  const title = graph.description === '' ? graph.lab : `${graph.lab}: ${graph.description}`;
  return { title: printable(title), width: extent.width + MARGIN, height: extent.height + MARGIN, shapes };
}

function paragraph(text: string, size: number, width: number, bold: boolean, look: 'page' | 'differs'): readonly Shape[] {
  const columns = Math.floor(width / textWidth('m', size)) - 1;
  return wrap(printable(text).replaceAll(/\s+/g, ' '), columns).map((line, index) => ({
    shape: 'text',
    x: 0,
    y: index * lineHeight(size),
    text: line,
    size,
    bold,
    look,
  }));
}

function legendOf(graph: LabGraph): readonly { readonly look: 'cable' | 'tunnel' | 'session'; readonly dash: string; readonly text: string }[] {
  const kinds = new Set(graph.overlays.map(({ kind }) => kind));
  return [
    { look: 'cable', dash: '', text: 'cable: a veth pair' },
    ...(['vxlan', 'ipip', 'udp'] as const)
      .filter((kind) => kinds.has(kind))
      .map((kind) => ({
        look: 'tunnel' as const,
        dash: DASHES[kind],
        text: `${TUNNELS[kind]}: each member to each other one, inside of packets of its eth0`,
      })),
    ...(kinds.has('bgp')
      ? [{ look: 'session' as const, dash: DASHES.bgp, text: 'BGP: each member with each other one; where one is marked as reflector, each with that' }]
      : []),
  ];
}

type NoteOf = (mark: GraphMark | null) => number | null;

function layoutBody(drawn: DrawnGraph, noteOf: NoteOf): readonly Shape[] {
  const { graph } = drawn;
  const isOutside = new Map(graph.segments.map(({ name, outside }) => [name, outside]));
  const boxOf = (isUp: (segment: string, home: string) => boolean) => (one: DrawnGraph['machines'][number]) =>
    machineBox(one, noteOf, ({ segment }) => segment !== null && isUp(segment, homeOf(one.machine)));
  const columnOf = (segment: GraphSegment): Column => ({
    segment,
    card: cardOf(segmentWords(segment), segment.mark === null ? 'segment' : segment.mark.what, { note: noteOf(segment.mark) }),
    more: moreMachines(drawn.more.get(segment.name)),
    boxes: drawn.machines.filter(({ machine }) => machine.kind !== 'router' && homeOf(machine) === segment.name).map(boxOf(() => segment.outside)),
  });
  const apart: Column = {
    segment: null,
    card: null,
    more: moreMachines(drawn.more.get('')),
    boxes: drawn.machines.filter(({ machine }) => machine.kind !== 'router' && homeOf(machine) === '').map(boxOf(() => false)),
  };
  const upper = [...graph.segments.filter(({ outside }) => !outside).map(columnOf), ...(apart.boxes.length === 0 ? [] : [apart])];
  const lower = graph.segments.filter(({ outside }) => outside).map(columnOf);
  const routers = drawn.machines.filter(({ machine }) => machine.kind === 'router').map(boxOf((segment) => isOutside.get(segment) !== true));

  const shapes: Shape[] = [];
  // Drawn over the boxes: they end at the edge of what they lead to.
  const lines: Shape[] = [];
  const bars = new Map<string, Bar>();
  const legends = graph.overlays.map((overlay) =>
    cardOf(overlayWords(overlay), overlay.mark === null ? (overlay.kind === 'bgp' ? 'session' : 'tunnel') : overlay.mark.what, { note: noteOf(overlay.mark) }),
  );
  const gutter = legends.length === 0 ? 0 : Math.max(...legends.map(({ width }) => width)) + 24;

  // Machines that stand over their segments, feet on one line.
  const rowHeight = Math.max(0, ...upper.flatMap(({ boxes }) => boxes.map(({ height }) => height)));
  const standing = new Map<string, Placed>();
  const pairsHeight = graph.pairs.length === 0 ? 0 : 6 + graph.pairs.length * CHANNEL;
  const overlaysTop = rowHeight + 12 + pairsHeight;
  const lanes = overlaysTop + graph.overlays.length * LANE;
  const strays = upper.flatMap(({ boxes, segment }) =>
    boxes.flatMap(({ machine }) => machine.devices.filter((one) => one.segment !== null && one.segment !== segment?.name)),
  );
  const barTop = lanes + 24 + strays.length * CHANNEL;
  let x = gutter;
  for (const { segment, card, more, boxes } of upper) {
    const left = x;
    for (const box of boxes) {
      standing.set(box.machine.id, { box, x, y: rowHeight - box.height });
      x += box.width + MACHINE_GAP;
    }
    const rest = more[0] === undefined ? null : cardOf([more[0], ...more.slice(1)], 'more');
    if (rest !== null) {
      shapes.push(...placeCard(rest, x, rowHeight - rest.height));
      if (segment !== null)
        lines.push(
          cableLine([
            [x + rest.width / 2, rowHeight],
            [x + rest.width / 2, barTop],
          ]),
        );
      x += rest.width + MACHINE_GAP;
    }
    const width = Math.max(card?.width ?? 0, x - MACHINE_GAP - left);
    if (segment !== null && card !== null) bars.set(segment.name, { x: left, y: barTop, width, height: card.height });
    x = left + width + COLUMN_GAP;
  }
  const barBottom = barTop + Math.max(0, ...upper.map(({ card }) => card?.height ?? 0));

  // Routers below, each under the middle of its segments; who would stand on another moves to the right.
  const middleOf = (box: MachineBox): number => {
    const own = box.machine.devices.flatMap(({ segment }) => bars.get(segment ?? '') ?? []);
    return own.length === 0 ? gutter : own.reduce((sum, bar) => sum + bar.x + bar.width / 2, 0) / own.length;
  };
  const ways = routers.flatMap(({ machine }) => machine.devices.filter(({ segment }) => segment !== null && bars.has(segment)));
  const routerTop = barBottom + 28 + ways.length * CHANNEL;
  let free = gutter;
  for (const box of routers.toSorted((a, b) => middleOf(a) - middleOf(b))) {
    const left = Math.round(Math.max(free, middleOf(box) - box.width / 2));
    standing.set(box.machine.id, { box, x: left, y: routerTop });
    free = left + box.width + MACHINE_GAP;
  }
  const routerBottom = routerTop + Math.max(0, ...routers.map(({ height }) => height));

  // The outside: a bar that reaches from the first to the last of who is plugged to it.
  const lowerTop = routers.length === 0 ? barBottom + 40 : routerBottom + 32;
  let lowerLeft = gutter;
  for (const { segment, card, more, boxes } of lower) {
    if (segment === null || card === null) continue;
    const rest = more[0] === undefined ? null : cardOf([more[0], ...more.slice(1)], 'more');
    const row = boxes.reduce((sum, { width }) => sum + width + MACHINE_GAP, rest === null ? -MACHINE_GAP : rest.width);
    const above = [...standing.values()].flatMap((one) =>
      one.box.machine.devices.filter((device) => device.segment === segment.name).flatMap(({ name }) => one.x + (one.box.ports.get(name)?.x ?? 0)),
    );
    const middle = above.length === 0 ? lowerLeft + row / 2 : (Math.min(...above) + Math.max(...above)) / 2;
    let at = Math.round(Math.max(lowerLeft, middle - Math.max(row, card.width) / 2));
    const left = Math.min(at, ...above.map((one) => one - 24));
    const rowTop = lowerTop + card.height + 24;
    const right = Math.max(at + row, left + card.width, ...above.map((one) => one + 24));
    bars.set(segment.name, { x: left, y: lowerTop, width: right - left, height: card.height });
    for (const box of boxes) {
      standing.set(box.machine.id, { box, x: at, y: rowTop });
      at += box.width + MACHINE_GAP;
    }
    if (rest !== null) {
      shapes.push(...placeCard(rest, at, rowTop));
      lines.push(
        cableLine([
          [at + rest.width / 2, lowerTop + card.height],
          [at + rest.width / 2, rowTop],
        ]),
      );
    }
    lowerLeft = right + COLUMN_GAP;
  }

  // Cables, then what they are plugged to.
  const channels = { above: 0, below: 0 };
  for (const { box, x: left, y: top } of standing.values()) {
    for (const { name, segment } of box.machine.devices) {
      const port = box.ports.get(name);
      const bar = segment === null ? undefined : bars.get(segment);
      if (port === undefined || bar === undefined) continue;
      const from: Port = { x: left + port.x, y: top + port.y };
      const isBelow = bar.y < from.y;
      const edge = isBelow ? bar.y + bar.height : bar.y;
      if (from.x >= bar.x + 6 && from.x <= bar.x + bar.width - 6)
        lines.push(
          cableLine([
            [from.x, from.y],
            [from.x, edge],
          ]),
        );
      else {
        const n = isBelow ? (channels.below += 1) : (channels.above += 1);
        const turn = isBelow ? edge + 4 + n * CHANNEL : edge - 8 - n * CHANNEL;
        const to = from.x < bar.x ? bar.x + 6 + n * CHANNEL : bar.x + bar.width - 6 - n * CHANNEL;
        lines.push(
          cableLine([
            [from.x, from.y],
            [from.x, turn],
            [to, turn],
            [to, edge],
          ]),
        );
      }
    }
  }
  graph.overlays.forEach((overlay, index) => {
    const legend = legends[index];
    if (legend === undefined) return;
    const y = overlaysTop + index * LANE + LANE / 2;
    const look = overlay.kind === 'bgp' ? 'session' : 'tunnel';
    const dash = DASHES[overlay.kind];
    const ends: number[] = [];
    for (const member of overlay.members) {
      const place = standing.get(member.machine);
      const key = member.device ?? SPEAKER;
      const port = place?.box.ports.get(key);
      if (place === undefined || port === undefined) continue;
      const own = graph.overlays.filter((one) => one.members.some((other) => other.machine === member.machine && (other.device ?? SPEAKER) === key));
      const at = place.x + port.x + Math.round((own.indexOf(overlay) - (own.length - 1) / 2) * 14);
      ends.push(at);
      lines.push({
        shape: 'line',
        points: [
          [at, place.y + port.y],
          [at, y],
        ],
        look,
        dash,
      });
      const size = overlay.hub === member.machine ? 7 : 3;
      lines.push({
        shape: 'box',
        x: at - size,
        y: y - size,
        width: 2 * size,
        height: 2 * size,
        look,
        round: overlay.hub === member.machine ? 2 : size,
        tip: '',
      });
    }
    lines.push({
      shape: 'line',
      points: [
        [legend.width, y],
        [Math.max(legend.width, ...ends), y],
      ],
      look,
      dash,
    });
    shapes.push(...placeCard(legend, 0, y - legend.height / 2));
  });
  graph.pairs.forEach((ends, index) => {
    const y = rowHeight + 12 + index * CHANNEL;
    const [from, to] = ends.map(({ machine, device }) => {
      const place = standing.get(machine);
      const port = place?.box.ports.get(device);
      return place === undefined || port === undefined ? undefined : ([place.x + port.x, place.y + port.y] as const);
    });
    if (from !== undefined && to !== undefined) lines.push(cableLine([from, [from[0], y], [to[0], y], to]));
  });
  for (const { segment, card } of [...upper, ...lower]) {
    const bar = segment === null ? undefined : bars.get(segment.name);
    if (bar === undefined || card === null) continue;
    shapes.push({ shape: 'box', ...bar, look: card.look, round: 4, tip: '' }, ...cardText(card, bar.x, bar.y));
  }
  for (const { box, x: left, y } of standing.values()) shapes.push(...moved(box.shapes, left, y));
  return [...shapes, ...lines];
}

function cableLine(points: readonly (readonly [number, number])[]): Shape {
  return { shape: 'line', points, look: 'cable', dash: '' };
}
