/** A lab as a resource: what Pulumi asks, answered by the functions of the room `lab/`. */
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { loadEngine, type LoadEngine } from '../../lab/load-engine.ts';
import { planLabFile } from '../../lab/plan.ts';
import { readStateFile } from '../../lab/state-file.ts';
import { up, type UpOptions } from '../../lab/up.ts';
import type { Diagnostic } from '../../topology/diagnostic.ts';
import { LabError, SpecError } from '../../topology/errors.ts';
import { formatDiagnostic } from '../../topology/format-diagnostic.ts';
import { calledBy, isKnown, loadedFrom, type LabInputs, type LabOutputs } from '../inputs.ts';
import { withoutSecrets } from '../secrets.ts';
import { driftOf } from './drift.ts';
import { factsOf } from './facts.ts';
import { downOwn } from './name.ts';
import { laboratory, plannedChange } from './planned-change.ts';
import { PartialError, said, textOf } from './say.ts';

export interface LabProvider {
  check(olds: Partial<LabInputs>, news: LabInputs): Promise<{ inputs: LabInputs; failures: { property: string; reason: string }[] }>;
  diff(id: string, olds: LabOutputs, news: LabInputs): Promise<{ changes: boolean; replaces?: string[]; deleteBeforeReplace?: boolean }>;
  create(inputs: LabInputs): Promise<{ id: string; outs: LabOutputs }>;
  read(id: string, props: LabOutputs): Promise<{ id?: string; props?: LabOutputs }>;
  update(id: string, olds: LabOutputs, news: LabInputs): Promise<{ outs: LabOutputs }>;
  delete(id: string, props: LabOutputs): Promise<void>;
}

/** What makes a lab what it is; where its file lies does not. */
const meaning = ({ engine, spec, loadImages, offline, retain, timeoutMs }: LabInputs): unknown => ({ engine, spec, loadImages, offline, retain, timeoutMs });

const inputsOf = ({ lab, owner, engine, spec, source, loadImages, offline, retain, timeoutMs }: LabInputs): LabInputs => ({
  lab,
  owner,
  engine,
  spec,
  source,
  loadImages,
  offline,
  retain,
  timeoutMs,
});

/** Problems of a lab and of what its engine can do, as failures of a property. */
async function failuresOf(inputs: LabInputs, load: LoadEngine): Promise<{ property: string; reason: string }[]> {
  const told = (findings: readonly Diagnostic[]): { property: string; reason: string }[] =>
    findings
      .filter(({ severity }) => severity === 'error')
      .map((one) => ({ property: 'spec', reason: withoutSecrets(formatDiagnostic(one, { source: inputs.lab }), inputs.spec) }));
  try {
    const engine = await load(inputs.engine);
    return told(engine.refusals(planLabFile(loadedFrom(inputs))));
  } catch (error) {
    if (error instanceof SpecError) return told(error.diagnostics);
    if (error instanceof LabError && error.code === 'USAGE') return [{ property: 'engine', reason: textOf(error) }];
    throw error;
  }
}

/** Errors before anything was done: what runs is as it was. So it is where the lab's state says, after any error, that it is up. */
const UNTOUCHED: ReadonlySet<string> = new Set(['LAB_EXISTS', 'LAB_LOCKED', 'REPLACE_NEEDED']);

/** A lab of this machine cannot be judged from another. */
function elsewhere({ lab, host }: LabOutputs): LabError {
  return new LabError({
    code: 'LAB_UNKNOWN',
    message: `lab ${lab} was brought up on ${host}; this is ${hostname()}, where there is none`,
    hint: `run Pulumi on ${host}; if that machine is no more, \`pulumi state delete\` forgets the lab`,
  });
}

export function labProvider(load: LoadEngine = loadEngine): LabProvider {
  /** Brings the lab up. What remains of one that failed to is kept in Pulumi's state. */
  const bringUp = async (given: LabInputs, before: Partial<LabOutputs>, replace: boolean): Promise<LabOutputs> => {
    const [inputs, called] = [inputsOf(given), calledBy(given)];
    const { owner, engine, loadImages, offline, retain, timeoutMs } = inputs;
    const options: UpOptions = { owner, engine, loadImages, offline, retain, replace, loadEngine: load, ...(timeoutMs > 0 ? { timeoutMs } : {}) };
    try {
      const { state } = await up(loadedFrom(inputs), options);
      return { ...inputs, ...(await factsOf(state, load)) };
    } catch (error) {
      const found = await readStateFile(inputs.lab);
      const own = found.kind === 'state' ? found.state.owner === inputs.owner : found.kind !== 'none';
      const refused = (error instanceof LabError && UNTOUCHED.has(error.code)) || (found.kind === 'state' && found.state.phase === 'up');
      const specs = [inputs.spec, before.spec ?? ''];
      if (!own || refused) throw said(error, ...specs);
      const text = withoutSecrets(textOf(error), ...specs);
      const facts = { clusters: [], kubeconfigs: {}, revision: '', host: hostname(), ...before, drift: ['the lab failed to come up'] };
      throw new PartialError(inputs.lab, { ...facts, ...inputs, ...called }, text);
    }
  };

  return {
    check: async (_olds, news) => ({ inputs: news, failures: isKnown(news) ? await failuresOf(news, load) : [] }),
    diff: async (_id, olds, news) => {
      try {
        if (!isKnown(news)) return { changes: true };
        const moved = (['lab', 'owner'] as const).filter((key) => olds[key] !== news[key]);
        if (moved.length > 0) return { changes: true, replaces: moved, deleteBeforeReplace: true };
        const { diff } = await plannedChange(news, load);
        // Lost, failed or gone: what is left goes, and the lab is built anew.
        if (olds.drift.length > 0 || diff === null) return { changes: true, replaces: ['drift'], deleteBeforeReplace: true };
        if (diff.replace) return { changes: true, replaces: [olds.engine === news.engine ? 'spec' : 'engine'], deleteBeforeReplace: true };
        return { changes: !diff.empty || !isDeepStrictEqual(meaning(olds), meaning(news)) };
      } catch (error) {
        throw said(error, news.spec, olds.spec);
      }
    },
    create: async (inputs) => ({ id: inputs.lab, outs: await bringUp(inputs, {}, true) }),
    read: async (id, props) => {
      try {
        const found = await laboratory(id, load);
        if (found === null && props.host !== hostname()) throw elsewhere(props);
        if (found === null || found.owner !== props.owner) return {};
        const drift = await driftOf(found, load);
        const facts = drift.length > 0 ? {} : await factsOf(found, load);
        return { id, props: { ...props, ...facts, drift } };
      } catch (error) {
        throw said(error, props.spec);
      }
    },
    update: async (_id, olds, news) => ({ outs: await bringUp(news, olds, false) }),
    delete: async (_id, props) => {
      try {
        if (props.host !== hostname() && (await readStateFile(props.lab)).kind === 'none') throw elsewhere(props);
        await downOwn(props, load);
      } catch (error) {
        throw said(error, props.spec);
      }
    },
  };
}
