import { renderSchedulers, SCHEDULERS, type SchedulerSequence } from '../../report/schedulers-text.ts';
import { choiceSequence, type RealServer } from '../../topology/services/proxy/schedulers.ts';
import type { IpvsScheduler } from '../../topology/spec.ts';
import { numberOption, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';

/** More would not fit on a line. */
const MOST = 26;
const NAMES = Object.keys(SCHEDULERS) as readonly IpvsScheduler[];
/** A Service has one address. */
const SERVICE = '10.96.0.77';

/** The choice of every connection by one scheduler, or by all of them. */
export const run: RunCommand = async (invocation) => {
  const { operands, output } = invocation;
  const schedulers = operands[0] === undefined ? NAMES : NAMES.filter((name) => name === operands[0]);
  if (schedulers.length === 0) throw usageError(`no scheduler ${operands[0] ?? ''}`, `the schedulers are: ${NAMES.join(', ')}`);
  const servers = serversOf(invocation);
  const count = atMost(MOST, invocation, 'connections') ?? 12;
  const clients = atMost(9, invocation, 'clients') ?? 4;
  const turns = Array.from({ length: count }, (_, index) => (index % clients) + 1);
  const flows = turns.map((client) => ({ source: `10.244.1.${10 + client}`, destination: SERVICE }));
  const sequences = schedulers.map((scheduler): SchedulerSequence => ({ scheduler, choices: choiceSequence(scheduler, servers, flows) }));
  output.document({ endpoints: servers, connections: flows, sequences });
  output.data(renderSchedulers(sequences, servers.length, turns, output.style));
  return Promise.resolve(0);
};

function serversOf(invocation: Invocation): readonly RealServer[] {
  const weights = countsOf(invocation, 'weights') ?? [1, 1, 1];
  const active = countsOf(invocation, 'active') ?? [];
  if (weights.length > MOST) throw usageError(`${weights.length} endpoints`, `at most ${MOST}`);
  if (active.length > weights.length) throw usageError(`--active names ${active.length} endpoints of ${weights.length}`, 'give each endpoint a weight as well');
  return weights.map((weight, index) => ({ weight, active: active[index] ?? 0 }));
}

function atMost(most: number, invocation: Invocation, name: string): number | undefined {
  const value = numberOption(invocation, name);
  if (value !== undefined && value > most) throw usageError(`--${name} ${value}`, `at most ${most}`);
  return value;
}

/** `3,1,1`; undefined where the option is not given. */
function countsOf(invocation: Invocation, name: string): readonly number[] | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,5}(,\d{1,5})*$/.test(text)) throw usageError(`--${name} ${text}`, `whole numbers with commas between: --${name} 3,1,1`);
  return text.split(',').map(Number);
}
