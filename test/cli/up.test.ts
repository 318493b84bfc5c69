import { describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import type { LabState } from '../../lab/lab-state.ts';
import type { UpResult } from '../../lab/up.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { runCli } from './run-cli.ts';

const lesson = { title: 'T', topic: 'set-up', level: 'first', order: 1, goal: 'g', engines: ['vm'] } as const;
const spec: LabSpec = { name: 'set-up', clusters: [{ name: 'c1', cni: { type: 'bridge' } }], lesson };
const loaded: LoadedLab = { path: '/labs/set-up.ts', sha256: '', kind: 'typescript', input: spec, spec, positionOf: () => null };
const warning = { severity: 'warning', code: 'LESSON_ENGINE', path: ['lesson', 'engines'], message: 'for another', hint: 'do' } as const;

/** Brings it up on an engine, telling what it is told to tell and then a step. */
const on = (engine: string): Partial<LabApi> => ({
  loadLab: async () => Promise.resolve(loaded),
  up: async (_loaded, options): Promise<UpResult> => {
    await options?.onFindings?.([warning]);
    options?.onEvent?.({ step: 'nodes', phase: 'end' });
    const state: Partial<LabState> = { name: spec.name, engine, spec, plan: planLab(spec) };
    // Type assertion: of the state the command shows these alone.
    return Promise.resolve({ state: state as LabState, outcome: 'created', elapsedMs: 1, findings: [warning] });
  },
});

describe('cnilab up', () => {
  it('shows the findings once, and before what is made', async () => {
    const { code, stderr } = await runCli(['up', 'set-up.ts'], { lab: on('netns') });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^[^\n]*LESSON_ENGINE[^\n]*\n • nodes\nset-up is up/);
    expect(stderr.match(/LESSON_ENGINE/g)).toHaveLength(1);
  });

  it('leads on to the lesson where the engine shows it, else to a verification', async () => {
    expect((await runCli(['up', 'set-up.ts'], { lab: on('netns') })).stderr).toContain('next: cnilab verify set-up\n');
    expect((await runCli(['up', 'set-up.ts', '--engine', 'vm'], { lab: on('vm') })).stderr).toContain('next: cnilab check set-up\n');
  });
});
