/** How the schedulers of IPVS share connections out: the choice of each connection, side by side. */
import type { IpvsScheduler } from '../topology/spec.ts';
import type { Style } from './style.ts';
import { table } from './layout.ts';

/** Full name and rule of each scheduler; the order is that of the page. */
export const SCHEDULERS: Readonly<Record<IpvsScheduler, { readonly title: string; readonly rule: string }>> = {
  rr: { title: 'round robin', rule: 'one after the other, whatever they do' },
  wrr: { title: 'weighted round robin', rule: 'one after the other, as often as their weights say' },
  lc: { title: 'least connection', rule: 'who has the fewest connections' },
  wlc: { title: 'weighted least connection', rule: 'who has the fewest connections for its weight' },
  lblc: {
    title: 'locality-based least connection',
    rule: 'by the address that is dialled, until that endpoint has more than its weight and another less than half of its own: then as wlc',
  },
  lblcr: { title: 'lblc with replication', rule: 'as lblc, with a set of endpoints that grows: of these who has the fewest for its weight' },
  dh: { title: 'destination hashing', rule: 'by the address that is dialled: a Service has one, so one endpoint gets everything' },
  sh: { title: 'source hashing', rule: 'by the address of the client: it keeps its endpoint' },
  sed: { title: 'shortest expected delay', rule: 'who would have the fewest connections for its weight with this one' },
  nq: { title: 'never queue', rule: 'who has none, else as sed' },
  mh: { title: 'Maglev hashing', rule: 'by the address of the client, which keeps its endpoint; few others move when one comes or goes' },
};

/** One scheduler's choices; endpoints by index, null where nobody takes the connection. */
export interface SchedulerSequence {
  readonly scheduler: IpvsScheduler;
  readonly choices: readonly (number | null)[];
}

/** Letters name endpoints: A is the first. */
const letterOf = (index: number | null): string => (index === null ? '-' : String.fromCodePoint(65 + index));

/** The sequences as a table: rows of schedulers, who got how many, and what each goes by. `clients`: the client of each connection, from 1. */
export function renderSchedulers(sequences: readonly SchedulerSequence[], endpoints: number, clients: readonly number[], style: Style): string {
  const letters = Array.from({ length: endpoints }, (_, index) => index);
  const share = (choices: SchedulerSequence['choices']): string =>
    letters.map((index) => `${letterOf(index)} ${choices.filter((choice) => choice === index).length}`).join('  ');
  const rows = sequences.map(({ scheduler, choices }) => [scheduler, choices.map(letterOf).join(' '), share(choices)]);
  const [header = '', ...lines] = table(['client', clients.join(' '), 'each got'], rows);
  const rules = sequences.map(({ scheduler }) => [scheduler, `${SCHEDULERS[scheduler].title}:`, SCHEDULERS[scheduler].rule]);
  return `${[style.dim(header), ...lines, '', ...table([], rules)].join('\n')}\n`;
}
