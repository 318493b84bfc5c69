/** Labs side by side as text: a column for each, then what could not be measured, and what the figures are of. */
import type { ComparedCluster, ComparedLab, ComparedWay, Comparison, Figure } from '../verify/compare/document.ts';
import type { RequirementId } from '../verify/report.ts';
import { latency, table, textWidth, wrap } from './layout.ts';
import { proxyText } from './plan-text.ts';
import type { Style } from './style.ts';
import { verdictWord } from './terminal.ts';

export interface CompareTextOptions {
  readonly style: Style;
  /** Columns of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
}

/** What stands in a row that a lab does not have; the reason is below the table. */
const NONE = '-';

/** Renders a {@link Comparison}, ending with a newline. Columns of labs are kept whole, whatever the width; the rest has at most 100 columns. */
export function renderComparison(comparison: Comparison, { style, columns }: CompareTextOptions): string {
  const { labs } = comparison;
  const width = textWidth(columns);
  const [header = '', ...lines] = table(['', ...labs.map(({ name }) => name)], rows(labs, style));
  const notes = [...labs.flatMap(lacks), ...labs.flatMap(whichCluster)];
  return `${[
    style.strong(header),
    ...lines,
    '',
    ...notes.flatMap((note) => wrap(`${NONE} ${note}`, width, 2)),
    ...(notes.length === 0 ? [] : ['']),
    ...[measuredOf(comparison), ...methods(labs), ...(labs.some(hasFigure) ? [between(labs, style)] : [])].flatMap((text) => wrap(text, width, 2)),
  ].join('\n')}\n`;
}

type Row = readonly [label: string, cell: (lab: ComparedLab, index: number) => string];

function rows(labs: readonly ComparedLab[], style: Style): readonly (readonly string[])[] {
  const { times, micro } = style.symbols;
  const ofCluster = (text: (cluster: ComparedCluster) => string) => (lab: ComparedLab) => (lab.cluster === null ? NONE : text(lab.cluster));
  const microseconds = (value: number): string => latency(value, micro);
  const ratio = (value: number | null): string => (value === null ? NONE : `${ratioText(value)} ${times}`);
  const figure = (of: (lab: ComparedLab) => Figure, unit: (value: number) => string) => (lab: ComparedLab, index: number) => {
    const { value, ratio: against } = of(lab);
    if (value === null) return NONE;
    return index === 0 || against === null ? unit(value) : `${unit(value)} (${ratio(against)})`;
  };
  const verdict = (id: RequirementId): Row => [
    `${id} ${SHORT[id]}`,
    ({ verification }) => {
      const found = verification?.requirements.find((one) => one.id === id)?.verdict;
      return found === undefined ? style.dim('not verified') : verdictWord(found, style);
    },
  ];
  const all: readonly Row[] = [
    ['engine', ({ engine }) => engine],
    ['CNI', ofCluster(({ cni }) => cni)],
    ['kube-proxy', ofCluster(({ kubeProxy }) => proxyText(kubeProxy))],
    ['nodes, pods', ({ nodes, pods }) => `${nodes}, ${pods}`],
    verdict('R1'),
    verdict('R2'),
    verdict('R3'),
    ...(labs.some(({ verification }) => verification !== null)
      ? [
          [
            'verification',
            ({ verification }: ComparedLab) => (verification === null ? style.dim('not verified') : verdictWord(verification.verdict, style)),
          ] as const,
        ]
      : []),
    ['between nodes', ofCluster(({ passage }) => PASSAGES[passage.by])],
    ['bytes around each packet', ofCluster(({ passage }) => (passage.overheadBytes === null ? NONE : String(passage.overheadBytes)))],
    ['MTU of the pods', ofCluster(({ podMtuBytes }) => String(podMtuBytes))],
    ['round trip, one node', figure(({ oneNode }) => oneNode.roundTripUs, microseconds)],
    ['round trip, two nodes', figure(({ twoNodes }) => twoNodes.roundTripUs, microseconds)],
    ['  two nodes : one', ({ twoToOne }) => ratio(twoToOne.roundTrip)],
    ['TCP, one node', figure(({ oneNode }) => oneNode.bitsPerSecond, rateText)],
    ['TCP, two nodes', figure(({ twoNodes }) => twoNodes.bitsPerSecond, rateText)],
    ['  two nodes : one', ({ twoToOne }) => ratio(twoToOne.throughput)],
  ];
  return all.map(([label, cell]) => [label, ...labs.map(cell)]);
}

const SHORT: Readonly<Record<RequirementId, string>> = { R1: 'pod to pod', R2: 'node to pod', R3: 'self view' };

const PASSAGES: Readonly<Record<ComparedCluster['passage']['by'], string>> = {
  route: 'bare, by routes',
  vxlan: 'VXLAN, kernel',
  ipip: 'IPIP, kernel',
  udp: 'UDP, by a process',
  sleeve: 'UDP, by a process',
  unknown: 'not planned',
};

/** `31.4 Gbit/s`: three digits say more than two measurements agree on. */
function rateText(bitsPerSecond: number): string {
  const [value, unit] = bitsPerSecond >= 1e9 ? [bitsPerSecond / 1e9, 'Gbit/s'] : [bitsPerSecond / 1e6, 'Mbit/s'];
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

function ratioText(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** Why a lab has no figure, or what failed for a part of it: each reason once. */
function lacks(lab: ComparedLab): string[] {
  const ways = [
    ['one node', lab.oneNode],
    ['two nodes', lab.twoNodes],
  ] as const;
  const reasons = new Set(ways.map(([, { reason }]) => reason).filter((reason) => reason !== ''));
  return [
    ...(lab.cluster?.passage.overheadBytes === null ? [`${lab.name}, bytes around each packet: the plan does not say`] : []),
    ...[...reasons].map((reason) => {
      const whose = ways.filter(([, way]) => way.reason === reason).map(([which]) => which);
      return `${lab.name}, ${whose.join(' and ')}: ${reason}`;
    }),
  ];
}

function whichCluster({ name, cluster }: ComparedLab): string[] {
  return cluster === null || cluster.of === 1 ? [] : [`${name}: cluster ${cluster.name}, one of ${cluster.of}`];
}

function measuredOf({ rounds, seconds, labs }: Comparison): string {
  return `Of this machine, as it is now: ${rounds} rounds in turns over the labs, ${seconds} s of TCP for each way. In brackets against ${labs[0]?.name ?? ''}, in the median of the rounds: ratios say more than figures.`;
}

/** Who sent and received; said of each lab where it differs. */
function methods(labs: readonly ComparedLab[]): string[] {
  const by = (method: ComparedWay['by']): readonly string[] =>
    labs.filter(({ oneNode, twoNodes }) => (oneNode.by ?? twoNodes.by) === method).map(({ name }) => name);
  const [thread, programs] = [by('thread'), by('programs')];
  if (thread.length === 0 && programs.length === 0) return [];
  const whose = [
    ...(thread.length === 0 ? [] : [`one thread for both ends (${thread.join(', ')})`]),
    ...(programs.length === 0 ? [] : [`a program at either end (${programs.join(', ')})`]),
  ];
  const unlike = whose.length > 1 ? '; between these no ratio is formed' : '';
  return [`Round trip: a byte there and back on an open TCP connection.${programs.length === 0 ? '' : ` Sent and received by ${whose.join(', ')}${unlike}.`}`];
}

function hasFigure({ oneNode, twoNodes }: ComparedLab): boolean {
  return oneNode.by !== null || twoNodes.by !== null;
}

/** The pods without their clusters: `web-1 → web-2, web-3`. */
function between(labs: readonly ComparedLab[], style: Style): string {
  const short = (id: string): string => id.slice(id.indexOf('/') + 1);
  const parts = labs.filter(hasFigure).map(({ name, oneNode, twoNodes }) => {
    const to = [oneNode.to, twoNodes.to].filter((id) => id !== '').map(short);
    return `${name} ${short(oneNode.from === '' ? twoNodes.from : oneNode.from)} ${style.symbols.arrow} ${to.join(', ')}`;
  });
  return `Between pods: ${parts.join('; ')}.`;
}
