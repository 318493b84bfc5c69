import { LabError } from '../topology/errors.ts';
import { incarnationsOf } from './incarnation.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { labNames, readStateFile, type StateFile } from './state-file.ts';

/** creating and changing: a run is at it, or was interrupted. lost: the lab's processes are gone, after a reboot for example. */
export type LabStatus = 'up' | 'lost' | 'creating' | 'changing' | 'failed' | 'removing';

export type ReadLab = LabState & { readonly status: LabStatus };

export interface LabSummary {
  readonly name: string;
  readonly engine: string;
  /** broken: the state cannot be read; `down` works all the same. */
  readonly status: LabStatus | 'broken';
  readonly nodes: number;
  readonly pods: number;
  /** The CNIs of its clusters, each once. */
  readonly cnis: readonly string[];
  /** ISO 8601; '' where it is not known. */
  readonly createdAt: string;
  /** Path of the lab file; '' for a lab that was brought up through the API. */
  readonly source: string;
}

export interface ReadOptions {
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

async function statusOf(state: LabState, load: LoadEngine): Promise<LabStatus> {
  if (state.phase !== 'up') return state.phase;
  if (state.handle === null) return 'lost';
  return (await load(state.engine)).status(state.handle);
}

async function unknown(name: string): Promise<LabError> {
  const known = await labNames();
  return new LabError({
    code: 'LAB_UNKNOWN',
    message: `there is no lab ${name}`,
    hint: known.length === 0 ? 'no lab is up; `cnilab up FILE` brings one up' : `the labs are: ${known.join(', ')}`,
    details: { known },
  });
}

/** The state of a run that was killed keeps no handle yet: it is beside it. */
async function withHandle(state: LabState): Promise<LabState> {
  if (state.handle !== null) return state;
  const own = (await incarnationsOf(state.name)).find((incarnation) => incarnation.directory === state.directory);
  return { ...state, handle: own?.handle ?? null };
}

/**
 * The state of a lab, and whether it runs.
 *
 * @throws LabError LAB_UNKNOWN listing the known labs; STATE_BROKEN; STATE_NEWER naming the version that reads it; EngineError when the engine does
 * not say whether the lab runs
 */
export async function readLab(name: string, options: ReadOptions = {}): Promise<ReadLab> {
  const found = await readStateFile(name);
  if (found.kind === 'none') throw await unknown(name);
  if (found.kind === 'broken') throw found.error;
  if (found.kind === 'partial') {
    throw new LabError({
      code: 'STATE_BROKEN',
      message: `lab ${name} has no state: a run that brought it up was interrupted at once`,
      hint: `\`cnilab down ${name}\` cleans what is left, \`cnilab up\` starts anew`,
    });
  }
  const state = await withHandle(found.state);
  return { ...state, status: await statusOf(state, options.loadEngine ?? loadEngine) };
}

/** For a list, which is no place for the error of one lab: where its engine does not answer, the state that was written last. */
async function listedStatus(state: LabState, load: LoadEngine): Promise<LabStatus> {
  return await statusOf(state, load).catch(() => state.phase);
}

async function summarize(name: string, found: StateFile, load: LoadEngine): Promise<LabSummary> {
  if (found.kind !== 'state')
    return { name, engine: '', status: found.kind === 'partial' ? 'creating' : 'broken', nodes: 0, pods: 0, cnis: [], createdAt: '', source: '' };
  const { state } = found;
  const { clusters } = state.plan;
  return {
    name,
    engine: state.engine,
    status: await listedStatus(state, load),
    nodes: clusters.reduce((sum, cluster) => sum + cluster.nodes.length, 0),
    pods: clusters.reduce((sum, cluster) => sum + cluster.pods.length, 0),
    cnis: [...new Set(clusters.map((cluster) => cluster.cni.type))],
    createdAt: state.createdAt,
    source: state.source.path,
  };
}

/** All labs, in the order of their names. One whose state cannot be read is listed as `broken`, one whose engine does not answer as it was left. */
export async function listLabs(options: ReadOptions = {}): Promise<readonly LabSummary[]> {
  const names = await labNames();
  const all = await Promise.all(
    names.map(async (name) => {
      const found = await readStateFile(name);
      return found.kind === 'none' ? [] : [await summarize(name, found, options.loadEngine ?? loadEngine)];
    }),
  );
  return all.flat();
}
