/**
 * `cnilab/vitest`: expectations about labs in your own tests.
 *
 * @example
 * ```ts
 * import { down, up } from 'cnilab';
 * import { expectLab } from 'cnilab/vitest';
 *
 * const { state } = await up('lab.ts');
 * await expectLab(state).toSatisfyNetworkModel();
 * await down(state.name);
 * ```
 */
import type { Report } from './verify/report.ts';
import { expectLabWith } from './verify/vitest.ts';

type ExpectLab = ReturnType<typeof expectLabWith>;

/** Takes the state of a running lab, which is verified then, or a report of `verify`. */
export const expectLab: ExpectLab = expectLabWith(async (name): Promise<Report> => (await import('./lab/verify.ts')).verify(name));
