/** The walk of a packet for people: place by place, what happens there, the line of state behind it, and the command that shows that. */
import type { Hop, Leg, LivePacket, WalkPacket, WalkReport } from '../verify/walk/document.ts';
import { field, textWidth, wrap } from './layout.ts';
import type { Style } from './style.ts';

export interface WalkTextOptions {
  readonly style: Style;
  /** Columns of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
}

const LABEL = 13;
const MOST_CHOICES = 12;

/** Renders a {@link WalkReport} in at most 100 columns, ending with a newline. Commands and lines of state are never cut. */
export function renderWalk(report: WalkReport, { style, columns }: WalkTextOptions): string {
  const width = textWidth(columns);
  const sections = [
    wrap(title(report, style), width, 2),
    ...report.legs.map((leg) => legLines(leg, report.protocol, style, width)),
    choiceLines(report, style, width),
    report.live === null ? [] : liveLines(report.live, style, width),
    report.notes.flatMap((note) => field(0, style.dim('note'), 6, note, width)),
    verdictLines(report, style, width),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function title({ lab, engine, from, to, protocol }: WalkReport, style: Style): string {
  return [`${style.strong(lab)} on ${engine}`, `${from} ${style.symbols.arrow} ${to}`, protocol].join(` ${style.symbols.separator} `);
}

function packetText({ source, destination, sourcePort, destinationPort }: WalkPacket, arrow: string): string {
  const at = (address: string, port: number | null): string =>
    port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return `${at(source, sourcePort)} ${arrow} ${at(destination, destinationPort)}`;
}

const LEGS = { there: 'the way there', back: 'the way back' } as const;

function legLines({ direction, packet, hops }: Leg, protocol: string, style: Style, width: number): string[] {
  const lines = [`${style.strong(LEGS[direction])}  ${style.dim(`${protocol} ${packetText(packet, style.symbols.arrow)}`)}`];
  let place = '';
  for (const hop of hops) {
    if (hop.place !== place) lines.push(`  ${style.strong(hop.place)}`);
    ({ place } = hop);
    lines.push(...hopLines(hop, style, width));
  }
  return lines;
}

function hopLines({ kind, outer, says, state, command, rose }: Hop, style: Style, width: number): string[] {
  const label = `${outer ? '| ' : ''}${kind}`;
  const counted = rose === null ? '' : style.dim(` [counted ${rose}]`);
  const pad = ' '.repeat(6 + LABEL);
  return [
    ...field(4, kind === 'loss' ? style.fail(label) : label, LABEL, `${says}${counted}`, width),
    ...(state === '' ? [] : [`${pad}${style.dim(state)}`]),
    ...(command === '' ? [] : [`${pad}${style.command(`$ ${command}`)}`]),
  ];
}

function choiceLines({ choices }: WalkReport, style: Style, width: number): string[] {
  if (choices.length === 0) return [];
  const rows = choices.slice(0, MOST_CHOICES).map(({ endpoint, owner, share, followed }) => {
    const who = owner === '' ? 'nothing of the lab' : owner;
    return `${endpoint} (${who}), ${Math.round(share * 100)} % of new connections${followed ? '; followed here' : ''}`;
  });
  const left = choices.length - rows.length;
  return [
    style.strong('endpoints that the rules may choose'),
    ...rows.flatMap((row) => wrap(row, width - 2, 2).map((line) => `  ${line}`)),
    ...(left > 0 ? [style.dim(`  ${style.symbols.ellipsis} and ${left} more`)] : []),
  ];
}

function liveLines({ outcome, rttUs, answeredBy, seenAs, differs }: LivePacket, style: Style, width: number): string[] {
  const went = outcome === 'ok' ? `answered by ${answeredBy} in ${(rttUs / 1000).toFixed(2)} ms, which saw ${seenAs}` : `not answered: ${outcome}`;
  return [
    style.strong('one real packet'),
    ...field(2, outcome === 'ok' ? style.pass('sent') : style.fail('sent'), 9, went, width),
    ...(differs.length === 0
      ? field(2, style.pass('same'), 9, 'it did what the state of the kernels says', width)
      : differs.flatMap((line) => field(2, style.fail('differs'), 9, line, width))),
  ];
}

function verdictLines({ arrives, why, live }: WalkReport, style: Style, width: number): string[] {
  if (arrives === 'yes') return live !== null && live.outcome !== 'ok' ? [] : [style.pass('the packet arrives, and its reply comes back')];
  const word = arrives === 'no' ? style.fail('lost') : style.warn('not read further');
  return field(0, word, arrives === 'no' ? 6 : 18, why, width);
}
