/** What this machine can run, found by trying it in a scratch namespace that is gone when the trial ends; never by reading /proc/modules. */
import { readFileSync } from 'node:fs';
import type { LabPlan } from '../../topology/plan.ts';
import type { Capability } from '../port.ts';
import { hostFacts, type HostFacts } from './capability-facts.ts';
import { kernelTrials } from './capability-kernel.ts';
import { pluginTrials, toolTrials } from './capability-tools.ts';
import { NO_NEEDS, planNeeds, type PlanNeeds } from './plan-needs.ts';
import { REMEDIES } from './remedies.ts';

/** One trial: what it looks for, whether a plan needs it, and the attempt. */
export interface Trial {
  readonly id: string;
  readonly title: string;
  readonly required: boolean;
  readonly neededBy: string;
  /** With a plan only the trials that it needs are made. */
  wanted(needs: PlanNeeds): boolean;
  attempt(facts: HostFacts): Promise<{ readonly ok: boolean; readonly detail: string; readonly remedy: string }>;
}

/** Capabilities of this machine; with a plan only those it needs. Trials run side by side. */
export async function capabilities(plan: LabPlan | null): Promise<readonly Capability[]> {
  const platform = platformCapability(process.platform, readKernelVersion());
  if (!platform.ok) return [platform];
  const needs = plan === null ? null : planNeeds(plan);
  const facts = await hostFacts();
  const trials = [...kernelTrials, ...toolTrials, ...pluginTrials(needs)].filter((trial) => needs === null || trial.wanted(needs));
  return [
    platform,
    ...(await Promise.all(
      trials.map(async (trial): Promise<Capability> => {
        const { ok, detail, remedy } = await trial.attempt(facts);
        return { id: trial.id, title: trial.title, ok, detail, remedy: ok ? '' : remedy, required: trial.required, neededBy: trial.neededBy };
      }),
    )),
  ];
}

/** What a plan needs beyond what every lab does, by the titles of the trials; nothing is tried. */
export function needsOf(plan: LabPlan): readonly string[] {
  const needs = planNeeds(plan);
  const plugins = [...new Set(needs.plugins.map(({ name }) => name))];
  return [
    ...[...kernelTrials, ...toolTrials].filter((trial) => trial.wanted(needs) && !trial.wanted(NO_NEEDS)).map(({ title }) => title),
    ...(plugins.length > 0 ? [`CNI plugins ${plugins.join(' ')}`] : []),
  ];
}

/** Linux, or the way to one. `kernelVersion` is /proc/version. */
export function platformCapability(platform: string, kernelVersion: string): Capability {
  const base = { id: 'platform', title: 'Linux kernel', required: true, neededBy: 'everything' };
  if (platform !== 'linux') return { ...base, ok: false, detail: `this is ${platform}`, remedy: REMEDIES.linux(platform) };
  // WSL 1 translates system calls and says "Microsoft"; WSL 2 is a real kernel and says "microsoft-standard-WSL2".
  if (/Microsoft/.test(kernelVersion) && !/WSL2/i.test(kernelVersion))
    return { ...base, ok: false, detail: 'WSL 1: system calls are translated, there is no Linux kernel', remedy: REMEDIES.wsl1 };
  const release = /version (\S+)/.exec(kernelVersion)?.[1] ?? 'unknown release';
  return { ...base, ok: true, detail: `Linux ${release}${/WSL2/i.test(kernelVersion) ? ' (WSL 2)' : ''}`, remedy: '' };
}

function readKernelVersion(): string {
  try {
    return readFileSync('/proc/version', 'utf8');
  } catch {
    return '';
  }
}
