import * as pulumi from '@pulumi/pulumi';
import { plainStyle } from '../report/style.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { Report } from '../verify/report.ts';
import type { VerificationOptions } from './inputs.ts';
import { verificationProvider } from './thin-provider.ts';

export interface VerificationArgs extends VerificationOptions {
  /** Name of the lab, as it runs on this machine. */
  readonly lab: pulumi.Input<string>;
  /**
   * The lab is verified anew when this changes: {@link LabCluster.revision}.
   * @default none: it is verified once
   */
  readonly revision?: pulumi.Input<string>;
  /**
   * fail: an update in which a check fails, or cannot be judged, fails. only: the report is an output, and a warning is given.
   * @default fail
   */
  readonly report?: 'fail' | 'only';
  /**
   * The lab is verified anew when this changes; `Date.now()`: with every update.
   * @default none
   */
  readonly trigger?: pulumi.Input<string | number>;
}

/**
 * The verification of a running lab: the checks of `cnilab verify`, run when the resource is created and whenever the lab, the options or the trigger change.
 *
 * @example
 * ```ts
 * import { Verification } from 'cnilab/pulumi';
 *
 * const strict = new Verification('strict', { lab: 'my-lab', profile: 'strict', report: 'only' });
 * export const verdict = strict.outcome.apply(({ verdict }) => verdict);
 * ```
 */
export class Verification extends pulumi.dynamic.Resource {
  declare readonly outcome: pulumi.Output<Report>;

  constructor(name: string, args: VerificationArgs, options?: pulumi.CustomResourceOptions) {
    const { lab, revision = '', report = 'fail', trigger = '', ...chosen } = args;
    const given = { lab, revision, options: chosen, report, trigger: pulumi.output(trigger).apply(String) };
    super(verificationProvider, name, { ...given, outcome: undefined }, options, 'cnilab', 'Verification');
    if (report === 'only')
      this.outcome.apply((outcome) => (outcome.verdict === 'pass' ? undefined : pulumi.log.warn(renderTerminal(outcome, { style: plainStyle }), this)));
  }
}
