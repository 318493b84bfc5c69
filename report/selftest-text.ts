/** The self-test as text: the kill matrix, and whatever speaks against the verifier. */
import type { KillRow, SelfTestReport, TestedLab } from '../verify/faults/kill-matrix.ts';
import { counted, duration, field, table, textWidth } from './layout.ts';
import type { Style } from './style.ts';

/** Renders a self-test, ending with a newline: one row per fault with the checks that failed and the name, then what was not found, then the labs. */
export function renderSelfTest(report: SelfTestReport, style: Style, columns?: number): string {
  const width = textWidth(columns);
  const { pass, fail, empty } = style.symbols;
  const sign = ({ verdict }: KillRow): string => (verdict === 'found' ? style.pass(pass) : verdict === 'lacking' ? style.dim(empty) : style.fail(fail));
  const rows = report.matrix.map((row) => [sign(row), row.fault, row.verdict === 'found' ? row.diagnosis : row.verdict, row.seconds.toFixed(1), checksOf(row)]);
  const [header = '', ...lines] = rows.length === 0 ? [] : table(['', 'fault', 'named', 's', 'failed checks'], rows, { right: [3] });
  const trials = report.trials.filter((trial) => trial.detail !== '');
  const labs = report.labs.filter((lab) => lab.status !== 'tested');
  return `${[
    ...(lines.length === 0 ? [] : [style.dim(header), ...lines, '']),
    ...trials.flatMap((trial) => field(0, `${style.fail(trial.verdict)} ${trial.fault} in ${trial.lab}`, 0, trial.detail, width)),
    ...labs.flatMap((lab) => field(0, `${statusOf(lab, style)} lab ${lab.name}`, 0, lab.detail, width)),
    ...report.untried.flatMap(({ fault, reason }) => field(0, `${style.dim('not tried')} ${fault}`, 0, reason, width)),
    summary(report, style),
  ].join('\n')}\n`;
}

function statusOf({ status }: TestedLab, style: Style): string {
  return status === 'broken' ? style.fail(status) : style.warn(status);
}

/** The fault's own check first; of a fault that only warns none has to fail. */
function checksOf({ check, failed }: KillRow): string {
  return failed.toSorted((a, b) => Number(b === check) - Number(a === check)).join(', ');
}

function summary({ verdict, matrix, trials, labs, elapsedMs }: SelfTestReport, style: Style): string {
  const verifications = labs.reduce((sum, lab) => sum + lab.verifications, 0);
  const dress = { pass: style.pass, fail: style.fail, inconclusive: style.warn }[verdict];
  const found = matrix.filter((row) => row.verdict === 'found').length;
  const what =
    matrix.length === 0
      ? `${counted(verifications, 'verification')} of healthy labs`
      : `${found} of ${counted(matrix.length, 'fault')} found by name, ${counted(trials.length, 'trial')}`;
  return `${dress(verdict)}: ${what}, ${counted(labs.filter((lab) => lab.status !== 'left out').length, 'lab')}, ${duration(elapsedMs)}`;
}
