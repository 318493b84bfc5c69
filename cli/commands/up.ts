import type { UpOptions } from '../../lab/up.ts';
import { DEFAULT_ENGINE } from '../../lab/load-engine.ts';
import { counted, duration } from '../../report/layout.ts';
import { exitCodeOfVerdict, exitCodes } from '../exit-codes.ts';
import { flag, given, listOption, operand, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { imageOptions, refuseImages } from './image-options.ts';
import { diagnosticLines } from '../output.ts';
import { openLabFile } from './open-lab-file.ts';
import { showReport, verifyLab } from './verify.ts';

/** Engines that run no image of their own have no use for what says which. */
function realClusterOptions(invocation: Invocation): Pick<UpOptions, 'nodeImage' | 'usualNodeImage' | 'images' | 'loadImages' | 'offline'> {
  const engine = textOption(invocation, 'engine') ?? DEFAULT_ENGINE;
  if (engine !== DEFAULT_ENGINE)
    return { ...imageOptions(invocation, engine), ...given('loadImages', listOption(invocation, 'load')), offline: flag(invocation, 'offline') };
  refuseImages(invocation, `on engine ${engine}: it runs no images`, 'add --engine kind');
  return {};
}

/** Brings a lab up or changes it; with --verify the report is the data of the command. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, progress, signal, streams } = invocation;
  for (const name of ['profile', 'junit', 'pods']) {
    if (invocation.options[name] !== undefined && !flag(invocation, 'verify')) throw usageError(`--${name} is of no use without --verify`, 'add --verify');
  }
  const loaded = await openLabFile(invocation, operand(invocation, 0));
  const { state, outcome, elapsedMs } = await lab.up(loaded, {
    ...given('engine', textOption(invocation, 'engine')),
    ...realClusterOptions(invocation),
    replace: flag(invocation, 'replace'),
    retain: flag(invocation, 'retain'),
    onEvent: progress.onEvent,
    onFindings: async (findings) => {
      if (!output.json && findings.length > 0) for (const line of await diagnosticLines(findings, loaded, streams.cwd)) output.note(line);
    },
    signal,
  });
  progress.stop();
  const nodes = state.plan.clusters.reduce((sum, cluster) => sum + cluster.nodes.length, 0);
  const pods = state.plan.clusters.reduce((sum, cluster) => sum + cluster.pods.length, 0);
  const size = [
    ...(nodes > 0 ? [counted(nodes, 'node'), counted(pods, 'pod')] : []),
    ...(state.plan.machines.length > 0 ? [counted(state.plan.machines.length, 'other machine')] : []),
  ].join(', ');
  output.note(
    outcome === 'unchanged'
      ? `${state.name} is up already, nothing to change  ${duration(elapsedMs)}`
      : `${state.name} is up (${outcome}): ${size}  ${duration(elapsedMs)}`,
  );

  const report = flag(invocation, 'verify') ? await verifyLab(invocation, state.name) : null;
  output.document({ name: state.name, engine: state.engine, outcome, elapsedMs, nodes, pods, machines: state.plan.machines.length, report });
  if (report === null) {
    output.next(nextAfter(state));
    return exitCodes.ok;
  }
  showReport(report, invocation);
  return exitCodeOfVerdict(report.verdict);
};

/** A lab with a lesson is there to be followed, on an engine that shows it. */
function nextAfter({ name, engine, spec: { lesson } }: Awaited<ReturnType<Invocation['lab']['up']>>['state']): string {
  if (lesson === undefined || !(lesson.engines ?? [DEFAULT_ENGINE]).includes(engine)) return `cnilab verify ${name}`;
  return (lesson.steps ?? []).length > 0 ? `cnilab step ${name}` : `cnilab check ${name}`;
}
