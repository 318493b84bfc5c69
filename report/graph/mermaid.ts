/** A picture as the text of a Mermaid flowchart, for pages that draw it (GitHub, documentation sites). */
import type { GraphDevice, GraphMark, GraphPod, LabGraph } from '../../topology/graph/graph.ts';
import { printable } from '../layout.ts';
import { foldGraph, homeOf, type DrawnMachine } from './fold.ts';
import { DEVICE_LOOKS, LOOKS, type LookName } from './looks.ts';
import {
  deviceWords,
  endName,
  machineWords,
  moreMachines,
  morePods,
  overlayWords,
  podWords,
  routingWords,
  segmentWords,
  speakerWords,
  type Words,
} from './words.ts';

/** Characters that mean something inside of a Mermaid label, as its entities. */
function escaped(text: string): string {
  return printable(text).replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;').replaceAll('`', '#96;');
}

function label(words: readonly string[], mark: GraphMark | null): string {
  return `"${[...words.filter((one) => one !== ''), ...(mark?.says ?? []).map((one) => `≠ ${one}`)].map(escaped).join('<br/>')}"`;
}

const look = (name: LookName, mark: GraphMark | null): string => `:::${mark === null ? name : mark.what}`;

/**
 * Renders a graph, ending with a newline: the same text for the same graph. Pods and machines beyond what is readable are counted.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
export function renderMermaid(graph: LabGraph): string {
  const { machines, more } = foldGraph(graph);
  const used = new Set<string>();
  const node = (id: string, words: Words, name: LookName, mark: GraphMark | null = null): string => {
    used.add(mark === null ? name : mark.what);
    return `${id}[${label(words, mark)}]${look(name, mark)}`;
  };
  const ids = new Map(machines.map(({ machine }, index) => [machine.id, `m${String(index + 1)}`]));
  const segments = new Map(graph.segments.map((segment, index) => [segment.name, { id: `s${String(index + 1)}`, segment }]));
  const lines = machines.flatMap((drawn) => machineLines(drawn, ids.get(drawn.machine.id) ?? '', node));
  for (const { id, segment } of segments.values()) {
    lines.push(node(id, segmentWords(segment), 'segment', segment.mark));
    const rest = moreMachines(more.get(segment.name));
    const [first, ...others] = rest;
    if (first !== undefined) lines.push(`${node(`${id}more`, [first, ...others], 'more')} --- ${id}`);
  }
  for (const { machine } of machines) {
    for (const [index, device] of machine.devices.entries()) {
      const to = device.segment === null ? undefined : segments.get(device.segment);
      if (to === undefined) continue;
      const end = deviceId(ids.get(machine.id) ?? '', index);
      // What is beyond a router is drawn below it.
      const below = machine.kind === 'router' ? !to.segment.outside : to.segment.outside && homeOf(machine) === to.segment.name;
      lines.push(below ? `${to.id} --- ${end}` : `${end} --- ${to.id}`);
    }
  }
  for (const ends of graph.pairs) {
    const [from, to] = ends.flatMap((end) =>
      machines
        .filter(({ machine }) => machine.id === end.machine)
        .map(({ machine: { id, devices } }) =>
          deviceId(
            ids.get(id) ?? '',
            devices.findIndex(({ name }) => name === end.device),
          ),
        ),
    );
    if (from !== undefined && to !== undefined) lines.push(`${from} --- ${to}`);
  }
  graph.overlays.forEach((overlay, index) => {
    const id = `o${String(index + 1)}`;
    lines.push(node(id, overlayWords(overlay), overlay.kind === 'bgp' ? 'session' : 'tunnel', overlay.mark));
    for (const member of overlay.members) {
      const machine = machines.find((one) => one.machine.id === member.machine)?.machine;
      const own = ids.get(member.machine);
      if (machine === undefined || own === undefined) continue;
      const device = machine.devices.findIndex(({ name }) => name === member.device);
      const end = device === -1 ? `${own}bgp` : deviceId(own, device);
      lines.push(overlay.hub === member.machine ? `${end} === ${id}` : `${end} -.- ${id}`);
    }
  });
  for (const { machine } of machines) if (machine.mark !== null) used.add(machine.mark.what);
  const classes = [...used].toSorted().map((name) => {
    const { fill, stroke, text, dash } = LOOKS[name as LookName];
    return `classDef ${name} fill:${fill},stroke:${stroke},color:${text}${dash === '' ? '' : `,stroke-dasharray:${dash}`}`;
  });
  const title = JSON.stringify(printable(graph.description === '' ? graph.lab : `${graph.lab}: ${graph.description}`));
  return `${['---', `title: ${title}`, '---', 'flowchart TB', ...[...lines, ...classes].map((line) => `  ${line}`)].join('\n')}\n`;
}

const deviceId = (machine: string, index: number): string => `${machine}d${String(index + 1)}`;

type NodeLine = (id: string, words: Words, name: LookName, mark?: GraphMark | null) => string;

function machineLines({ machine, pods, morePods: folded }: DrawnMachine, id: string, node: NodeLine): readonly string[] {
  const inside: string[] = [];
  const isBridge = ({ kind }: GraphDevice): boolean => kind === 'bridge';
  const bridge = machine.devices.findLastIndex(isBridge);
  const joint = bridge === -1 ? (machine.gateways.length > 0 && machine.pods.length > 0 ? `${id}r` : null) : deviceId(id, bridge);
  const jointOf = (pod: GraphPod): string | null => {
    const own = machine.devices.findIndex((device) => isBridge(device) && device.name === pod.bridge);
    return own === -1 ? joint : deviceId(id, own);
  };
  pods.forEach((pod, index) => {
    const own = `${id}p${String(index + 1)}`;
    inside.push(node(own, podWords(pod), 'pod', pod.mark));
    const to = jointOf(pod);
    if (to !== null && pod.device !== null) inside.push(`${own} ---|${escaped(endName(pod))}| ${to}`);
    for (const { bridge: name, hostEnd } of pod.second ?? []) {
      const at = machine.devices.findIndex((device) => device.kind === 'network' && device.name === name);
      if (at !== -1) inside.push(`${own} ---|${escaped(hostEnd)}| ${deviceId(id, at)}`);
    }
  });
  if (folded > 0) inside.push(node(`${id}more`, [morePods(machine, folded)], 'more'), ...(joint === null ? [] : [`${id}more --- ${joint}`]));
  if (joint === `${id}r`) inside.push(node(joint, routingWords(machine), 'routing'));
  machine.devices.forEach((device, index) => {
    inside.push(node(deviceId(id, index), deviceWords(device), DEVICE_LOOKS[device.kind], device.mark));
    // A port of the bridge hangs on it; what it only routes to is put below it.
    if (joint !== null && !isBridge(device)) inside.push(`${joint} ${device.master === null ? '~~~' : '---'} ${deviceId(id, index)}`);
  });
  if (machine.asNumber !== null) inside.push(node(`${id}bgp`, speakerWords(machine.asNumber), 'session'));
  const marks = machine.mark === null ? [] : [`class ${id} ${machine.mark.what}`];
  return [`subgraph ${id}[${label([machineWords(machine).join(' · ')], machine.mark)}]`, ...inside.map((line) => `  ${line}`), 'end', ...marks];
}
