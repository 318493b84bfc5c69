import { renderWalk } from '../../report/walk-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { flag, given, numberOption, operand, type RunCommand } from '../invocation.ts';

/** Walks one packet through a running lab. */
export const run: RunCommand = async (invocation) => {
  const { lab, output } = invocation;
  const [name, from, to] = [operand(invocation, 0), operand(invocation, 1), operand(invocation, 2)];
  const report = await lab.explain(name, {
    from,
    to,
    live: flag(invocation, 'live'),
    ...given('port', numberOption(invocation, 'port')),
    ...given('deadlineMs', numberOption(invocation, 'deadline')),
  });
  output.document(report);
  output.data(renderWalk(report, { style: output.style, columns: output.columns }));
  if (report.arrives === 'no' || (report.live !== null && (report.live.outcome !== 'ok' || report.live.differs.length > 0))) {
    output.next(`cnilab diagnose ${report.lab} ${from} ${to}`);
    return exitCodes.checkFailed;
  }
  // A packet that came back settles what could not be read.
  return report.arrives === 'yes' || report.live !== null ? exitCodes.ok : exitCodes.inconclusive;
};
