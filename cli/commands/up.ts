import { counted, duration } from '../../report/layout.ts';
import { exitCodeOfVerdict, exitCodes } from '../exit-codes.ts';
import { flag, given, operand, textOption, usageError, type RunCommand } from '../invocation.ts';
import { openLabFile } from './open-lab-file.ts';
import { showReport, verifyLab } from './verify.ts';

/** Brings a lab up or changes it; with --verify the report is the data of the command. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, progress, signal } = invocation;
  for (const name of ['profile', 'junit', 'pods']) {
    if (invocation.options[name] !== undefined && !flag(invocation, 'verify')) throw usageError(`--${name} is of no use without --verify`, 'add --verify');
  }
  const loaded = await openLabFile(invocation, operand(invocation, 0));
  const { state, outcome, elapsedMs } = await lab.up(loaded, {
    ...given('engine', textOption(invocation, 'engine')),
    replace: flag(invocation, 'replace'),
    retain: flag(invocation, 'retain'),
    onEvent: progress.onEvent,
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
    output.next(`cnilab verify ${state.name}`);
    return exitCodes.ok;
  }
  showReport(report, invocation);
  return exitCodeOfVerdict(report.verdict);
};
