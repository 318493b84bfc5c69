/** A lab of the embedded engine that is verified, harmed and verified again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_MATERIALS, type Engine, type EngineHandle, type EngineSession } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { injectFault, undoFault } from '../../verify/faults/index.ts';
import type { Report } from '../../verify/report.ts';
import { verifyLab, type VerifyOptions } from '../../verify/run-verification.ts';

export class VerifiedLab implements AsyncDisposable {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'cnilab-verify-services-'));
  readonly #engine: Engine;
  readonly plan: LabPlan;
  #handle: EngineHandle | null = null;

  private constructor(engine: Engine, plan: LabPlan) {
    this.#engine = engine;
    this.plan = plan;
  }

  static async up(lab: LabSpec): Promise<VerifiedLab> {
    const running = new VerifiedLab(await loadEngine('netns'), planLab(lab));
    await running.#engine.create(running.plan, {
      directory: running.#directory,
      sourceDirectory: running.#directory,
      materials: NO_MATERIALS,
      onEvent: () => {},
      onHandle: async (handle) => {
        running.#handle = handle;
      },
      signal: new AbortController().signal,
    });
    return running;
  }

  /** Verifies; `harm` is done before: programs in namespaces. */
  async verify(options: VerifyOptions, harm: readonly (readonly [netns: string, ...argv: string[]])[] = []): Promise<Report> {
    if (this.#handle === null) throw new Error('the lab is not up');
    const session = await this.#engine.open(this.#handle, this.plan);
    try {
      for (const [netns, ...argv] of harm) {
        const { exitCode, stderr } = await session.run(netns, argv);
        if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
      }
      return await verifyLab(session, this.plan, options);
    } finally {
      await session.close();
    }
  }

  /** Breaks the lab by a fault of the library, verifies, mends it, and verifies again. */
  async break(fault: string, options: VerifyOptions): Promise<{ readonly broken: Report; readonly mended: Report }> {
    if (this.#handle === null) throw new Error('the lab is not up');
    const session = await this.#engine.open(this.#handle, this.plan);
    try {
      const undo = await injectFault(session, this.plan, fault);
      let broken: Report;
      try {
        broken = await verifyLab(session, this.plan, options);
      } finally {
        await undoFault(session, undo);
      }
      return { broken, mended: await verifyLab(session, this.plan, options) };
    } finally {
      await session.close();
    }
  }

  /** A session of the caller's own, to be closed. */
  async open(): Promise<EngineSession> {
    if (this.#handle === null) throw new Error('the lab is not up');
    return await this.#engine.open(this.#handle, this.plan);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.destroy(this.#handle, this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Checks that fail. */
export const failing = (report: Report): readonly string[] => report.checks.filter((check) => check.verdict === 'fail').map((check) => check.id);
/** All that is not a plain pass, line by line. */
export const told = (report: Report): readonly string[] =>
  report.checks.flatMap((check) => [
    ...(check.reason === '' ? [] : [`${check.id}: ${check.verdict}: ${check.reason}`]),
    ...check.failures.map((one) => `${check.id}: ${one.client} to ${one.server} ${one.protocol}: ${one.saw}; expected ${one.expected}`),
  ]);
