/** A machine as a box: the ways up at its head, its pods on the bridge or the routes that join them, the ways down at its foot. */
import type { GraphDevice, GraphMachine, GraphMark, GraphPod } from '../../topology/graph/graph.ts';
import { cardOf, cardText, placeCard, type Card } from './card.ts';
import type { DrawnMachine } from './fold.ts';
import { DEVICE_LOOKS, type LookName } from './looks.ts';
import { lineHeight, textWidth, type Shape } from './scene.ts';
import { deviceWords, endName, machineWords, morePods, podWords, routingWords, speakerWords } from './words.ts';

const PAD = 12;
const GAP = 10;
const RAIL = 8;
const END_SIZE = 10;

/** Where a cable or tunnel leaves the box. */
export interface Port {
  readonly x: number;
  readonly y: number;
}

export interface MachineBox {
  readonly machine: GraphMachine;
  readonly width: number;
  readonly height: number;
  /** From the left upper corner. */
  readonly shapes: readonly Shape[];
  /** By the name of the device; of the BGP speaker by {@link SPEAKER}. */
  readonly ports: ReadonlyMap<string, Port>;
}

/** No device can be called so. */
export const SPEAKER = '/bgp';

/** How a mark looks, or what it looks like without. */
const lookOf = (mark: GraphMark | null, otherwise: LookName): LookName => mark?.what ?? otherwise;

type NoteOf = (mark: GraphMark | null) => number | null;

/** Lays a machine out. `isUp`: which of its devices leave by the head. */
export function machineBox(drawn: DrawnMachine, noteOf: NoteOf, isUp: (device: GraphDevice) => boolean): MachineBox {
  const { machine } = drawn;
  const others = machine.devices.filter(({ kind }) => kind !== 'bridge');
  const keyed = (device: GraphDevice): Keyed => ({ key: device.name, card: deviceCard(device, noteOf), device });
  const head = others.filter(isUp).map(keyed);
  const speaker: Keyed[] =
    machine.asNumber === null ? [] : [{ key: SPEAKER, card: cardOf(speakerWords(machine.asNumber), 'session', { tip: 'BIRD' }), device: null }];
  const down = others.filter((device) => !isUp(device));
  const foot = [...down.filter(({ kind }) => kind !== 'cable').map(keyed), ...speaker, ...down.filter(({ kind }) => kind === 'cable').map(keyed)];
  const title = cardOf(machineWords(machine), lookOf(machine.mark, 'machine'), { note: noteOf(machine.mark) });
  const sections = sectionsOf(drawn, noteOf);
  const widths = sections.flatMap(({ pods, joint }) => [pods?.width ?? 0, joint?.width ?? 0]);

  const width = Math.max(title.width, rowWidth(head), rowWidth(foot), ...widths) + 2 * PAD;
  const inner = width - 2 * PAD;
  const inside: Shape[] = [];
  const ports = new Map<string, Port>();
  let y = PAD;
  if (head.length > 0) {
    inside.push(...row(head, PAD, y, inner, (key, x) => ports.set(key, { x, y })));
    y += rowHeight(head) + GAP;
  }
  inside.push(...cardText(title, PAD - 8, y - 4));
  y += title.height + 2;
  for (const { pods, joint } of sections) {
    const podsTop = y;
    if (pods !== null) {
      inside.push(...pods.place(PAD, y));
      y += pods.height + GAP;
    }
    if (joint === null) continue;
    if (pods !== null && pods.railFrom !== null)
      inside.unshift({
        shape: 'box',
        x: PAD,
        y: podsTop + pods.railFrom,
        width: RAIL,
        height: y - podsTop - pods.railFrom + 4,
        look: joint.look,
        round: 0,
        tip: '',
      });
    inside.push(...placeCard(joint, PAD, y, { width: inner }));
    y += joint.height + GAP + 4;
  }
  if (foot.length > 0) {
    const bottom = y + rowHeight(foot);
    inside.push(...row(foot, PAD, y, inner, (key, x) => ports.set(key, { x, y: bottom })));
    for (const { key, device } of foot) {
      const port = ports.get(key);
      if (port === undefined) continue;
      if (device !== null && device.master !== null && device.master === sections.at(-1)?.bridge) inside.push(stub(port.x, y - GAP - 4, y));
    }
    y = bottom + PAD;
  } else y += PAD - GAP;
  const frame: Shape = { shape: 'box', x: 0, y: 0, width, height: y, look: lookOf(machine.mark, 'machine'), round: 8, tip: machine.netns };
  return { machine, width, height: y, shapes: [frame, ...inside], ports };
}

interface Keyed {
  readonly key: string;
  readonly card: Card;
  readonly device: GraphDevice | null;
}

function deviceCard(device: GraphDevice, noteOf: NoteOf): Card {
  return cardOf(deviceWords(device), lookOf(device.mark, DEVICE_LOOKS[device.kind]), { note: noteOf(device.mark) });
}

/** Pods, and under them what joins them. */
interface Section {
  readonly pods: PodStack | null;
  readonly joint: Card | null;
  /** Name of the bridge that joins them; null: none does. */
  readonly bridge: string | null;
}

/** One for each bridge; without one, the routes of the node join its pods. Who has no network of its own stands in the first. */
function sectionsOf({ machine, pods, morePods: folded }: DrawnMachine, noteOf: NoteOf): readonly Section[] {
  const bridges = machine.devices.filter(({ kind }) => kind === 'bridge');
  if (bridges.length === 0) {
    const joint = machine.gateways.length === 0 || machine.pods.length === 0 ? null : cardOf(routingWords(machine), 'routing');
    return [{ joint, bridge: null, pods: podStack(machine, pods, folded, joint !== null, noteOf) }];
  }
  return bridges.map((bridge, index) => {
    const own = pods.filter((pod) => pod.bridge === bridge.name || (pod.bridge === null && index === 0));
    const rest = index === bridges.length - 1 ? folded : 0;
    return { joint: deviceCard(bridge, noteOf), bridge: bridge.name, pods: podStack(machine, own, rest, true, noteOf) };
  });
}

const stub = (x: number, from: number, to: number): Shape => ({
  shape: 'line',
  points: [
    [x, from],
    [x, to],
  ],
  look: 'cable',
  dash: '',
});

const rowWidth = (cards: readonly Keyed[]): number => cards.reduce((sum, { card }) => sum + card.width, 0) + GAP * Math.max(0, cards.length - 1);
const rowHeight = (cards: readonly Keyed[]): number => Math.max(...cards.map(({ card }) => card.height));

/** Cards side by side over the whole width; one alone stands in the middle. Tells the middle of each. */
function row(cards: readonly Keyed[], x: number, y: number, width: number, at: (key: string, middle: number) => void): readonly Shape[] {
  const free = width - cards.reduce((sum, { card }) => sum + card.width, 0);
  const gap = cards.length === 1 ? 0 : free / (cards.length - 1);
  const height = rowHeight(cards);
  let left = cards.length === 1 ? x + free / 2 : x;
  return cards.flatMap(({ key, card }) => {
    const from = Math.round(left);
    left += card.width + gap;
    at(key, Math.round(from + card.width / 2));
    return placeCard(card, from, y, { height });
  });
}

interface PodStack {
  readonly width: number;
  readonly height: number;
  /** Where the first cable meets the rail; null: nothing is plugged in. */
  readonly railFrom: number | null;
  readonly place: (x: number, y: number) => readonly Shape[];
}

/** Pods one above the other, each on a cable from the rail at their left. */
function podStack(machine: GraphMachine, pods: readonly GraphPod[], folded: number, isJoined: boolean, noteOf: NoteOf): PodStack | null {
  if (pods.length === 0 && folded === 0) return null;
  const cards = pods.map((pod) => ({
    pod,
    card: cardOf(podWords(pod), lookOf(pod.mark, 'pod'), { note: noteOf(pod.mark), tip: `${pod.id}, namespace ${pod.netns}` }),
  }));
  const rest = folded === 0 ? null : cardOf([morePods(machine, folded)], 'more');
  const isPlugged = ({ device }: GraphPod): boolean => device !== null;
  const cable = pods.some(isPlugged) ? Math.max(...pods.map((pod) => textWidth(endName(pod), END_SIZE))) + 16 : 0;
  const width = Math.max(...cards.map(({ card }) => card.width), rest?.width ?? 0);
  const tops: number[] = [];
  let height = 0;
  for (const { card } of cards) {
    tops.push(height);
    height += card.height + GAP;
  }
  height += rest === null ? -GAP : rest.height;
  const firstPlugged = pods.findIndex(isPlugged);
  const first = cards[firstPlugged];
  return {
    width: RAIL + cable + width,
    height,
    railFrom: first === undefined ? null : (tops[firstPlugged] ?? 0) + first.card.height / 2 - 4,
    place: (x, y) => [
      ...cards.flatMap(({ pod, card }, index): readonly Shape[] => {
        const top = y + (tops[index] ?? 0);
        const left = x + RAIL + cable;
        const middle = top + card.height / 2;
        if (!isPlugged(pod) || !isJoined) return placeCard(card, left, top, { width });
        return [
          {
            shape: 'line',
            points: [
              [x + RAIL, middle],
              [left, middle],
            ],
            look: lookOf(pod.mark, 'pod'),
            dash: '',
          },
          { shape: 'text', x: x + RAIL + 8, y: middle - lineHeight(END_SIZE) - 1, text: endName(pod), size: END_SIZE, bold: false, look: 'page' },
          ...placeCard(card, left, top, { width }),
        ];
      }),
      ...(rest === null ? [] : placeCard(rest, x + RAIL + cable, y + height - rest.height, { width })),
    ],
  };
}
