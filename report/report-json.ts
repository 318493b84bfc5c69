/** The report as JSON: schema `cnilab.report/1`, keys in the order of the type. */
import type { Report } from '../verify/report.ts';

/** One document, ending with a newline. @example renderReportJson(report, { indent: 0 }) // one line */
export function renderReportJson(report: Report, options: { readonly indent?: number } = {}): string {
  return `${JSON.stringify(report, null, options.indent ?? 2)}\n`;
}
