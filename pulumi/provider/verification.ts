/** The verification of a lab as a resource: created by verifying, updated by verifying again. */
import { isDeepStrictEqual } from 'node:util';
import { loadEngine, type LoadEngine } from '../../lab/load-engine.ts';
import { verify } from '../../lab/verify.ts';
import { plainStyle } from '../../report/style.ts';
import { renderTerminal } from '../../report/terminal.ts';
import type { Report } from '../../verify/report.ts';
import { calledBy, type VerificationInputs, type VerificationOutputs } from '../inputs.ts';
import { PartialError, said } from './say.ts';

export interface VerificationProvider {
  diff(id: string, olds: VerificationOutputs, news: VerificationInputs): Promise<{ changes: boolean }>;
  create(inputs: VerificationInputs): Promise<{ id: string; outs: VerificationOutputs }>;
  update(id: string, olds: VerificationOutputs, news: VerificationInputs): Promise<{ outs: VerificationOutputs }>;
}

const inputsOf = ({ lab, revision, options, report, trigger }: VerificationInputs): VerificationInputs => ({ lab, revision, options, report, trigger });

export function verificationProvider(load: LoadEngine = loadEngine): VerificationProvider {
  const judge = async (given: VerificationInputs): Promise<VerificationOutputs> => {
    const inputs = inputsOf(given);
    let outcome: Report;
    try {
      outcome = await verify(inputs.lab, { ...inputs.options, loadEngine: load });
    } catch (error) {
      throw said(error);
    }
    const outs = { ...inputs, outcome };
    if (outcome.verdict === 'pass' || inputs.report === 'only') return outs;
    throw new PartialError(inputs.lab, { ...outs, ...calledBy(given) }, renderTerminal(outcome, { style: plainStyle }));
  };
  return {
    // One that did not pass is made again, unless it is only reported.
    diff: (_id, olds, news) =>
      Promise.resolve({
        changes: !isDeepStrictEqual(inputsOf(olds), inputsOf(news)) || (news.report === 'fail' && olds.outcome.verdict !== 'pass'),
      }),
    create: async (inputs) => ({ id: inputs.lab, outs: await judge(inputs) }),
    update: async (_id, _olds, news) => ({ outs: await judge(news) }),
  };
}
