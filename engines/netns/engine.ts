/** The netns engine: every node and every pod is a network namespace of one holder. No daemon: a holder keeps the namespaces, an agent works in them. */
import { existsSync } from 'node:fs';
import { EngineError, EnvironmentError, LabError } from '../../topology/errors.ts';
import { netnsRefusals } from '../../topology/netns-refusals.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { interrupted } from '../interruption.ts';
import type { Engine, EngineHandle, UpContext } from '../port.ts';
import type { AgentSession } from './agent-session.ts';
import type * as Building from './building.ts';
import type { CompileOptions } from './compile-options.ts';
import { endHolder } from './destroy.ts';
import { netnsArgv } from './enter-holder.ts';
import { findDnsmasq, findDnsServer, findNginx } from './find-servers.ts';
import { fidelity } from './fidelity.ts';
import { type Holder, isHolderAlive, startHolder } from './holder.ts';
import type { NetnsDeps } from './netns-deps.ts';
import type { OpsDelta } from './ops.ts';
import { warmAgents } from './warm-agents.ts';

const NAME = 'netns';

/** `given`: the lowest layer of a test. */
export function netnsEngine(given?: NetnsDeps): Engine {
  const warm = warmAgents();
  const deps = given ?? { startHolder, isHolderAlive, endHolder };
  const building = (): Promise<typeof Building> => import('./building.ts');
  const preflight = async (plan: LabPlan, sourceDirectory: string): Promise<void> =>
    (given ?? (await import('./preflight.ts'))).preflight(plan, sourceDirectory);
  const agentFor = async (holder: Holder): Promise<AgentSession> => warm.take(holder.pid) ?? (given ?? (await building())).openAgent(holder);

  /** Carries out a delta; an agent that did is kept for the next session. */
  const apply = async (agent: AgentSession, holder: Holder, plan: LabPlan, delta: OpsDelta, context: UpContext): Promise<void> => {
    const stop = (): void => agent.kill();
    context.signal.addEventListener('abort', stop, { once: true });
    try {
      context.signal.throwIfAborted();
      await agent.request('apply', delta, context.onEvent);
      context.signal.throwIfAborted();
    } catch (cause) {
      agent.kill();
      await agent.close();
      throw context.signal.aborted ? interrupted(cause) : explained(cause, plan);
    } finally {
      context.signal.removeEventListener('abort', stop);
    }
    warm.keep(holder.pid, agent);
  };

  return {
    name: NAME,
    title: 'Linux network namespaces',
    artifacts: null,
    refusals: netnsRefusals,
    replaceReasons: () => [],
    kubernetes: () => null,
    observe: async () => null,
    capabilities: async (plan) => await (await import('./capabilities.ts')).capabilities(plan),
    needs: async (plan) => (await import('./capabilities.ts')).needsOf(plan),
    fidelity,
    create: async (plan, context) => {
      await preflight(plan, context.sourceDirectory);
      // Loads while the holder starts.
      const loading = building();
      const holder = await deps.startHolder(context.directory, context.signal);
      // It starts while the handle is written and the plan compiled.
      const agent = await agentFor(holder);
      const { compile } = await loading;
      const handle = handleOf(holder);
      try {
        await context.onHandle(handle);
      } catch (error) {
        agent.kill();
        throw error;
      }
      await apply(agent, holder, plan, { undo: [], stages: compile(plan, compileOptions(holder, context)) }, context);
      return handle;
    },
    change: async (handle, from, to, context) => {
      const holder = aliveHolder(deps, handle, to);
      await preflight(to, context.sourceDirectory);
      const { reconcile } = await building();
      const delta = reconcile(from, to, compileOptions(holder, context));
      if (delta.undo.length === 0 && delta.stages.length === 0) return;
      await apply(await agentFor(holder), holder, to, delta, context);
    },
    status: async (handle) => (deps.isHolderAlive(holderOf(handle)) ? 'up' : 'lost'),
    open: async (handle, plan) => {
      const holder = aliveHolder(deps, handle, plan);
      const { labSession } = await building();
      return labSession(await agentFor(holder), plan);
    },
    enter: async (handle, netns, argv, id, environment = {}) => {
      const { pid, rootless } = holderOf(handle);
      return netnsArgv(pid, rootless, { netns, id, environment }, argv);
    },
    destroy: async (handle, directory) => {
      const holder = handle === null ? null : holderOf(handle);
      if (holder !== null) warm.take(holder.pid)?.kill();
      await deps.endHolder(holder, directory);
    },
  };
}

function compileOptions(holder: Holder, context: UpContext): CompileOptions {
  return {
    rootless: holder.rootless,
    sourceDirectory: context.sourceDirectory,
    dnsServer: findDnsServer() ?? undefined,
    dnsmasq: findDnsmasq() ?? undefined,
    nginx: findNginx() ?? undefined,
    // Whole subsystems, visible in every namespace of the machine or in none.
    ipv6: existsSync('/proc/sys/net/ipv6'),
    bridgeNetfilter: existsSync('/proc/sys/net/bridge'),
  };
}

function handleOf({ pid, startTime, bootId, rootless }: Holder): EngineHandle {
  return { engine: NAME, pid, startTime, bootId, rootless };
}

function holderOf(handle: EngineHandle): Holder {
  return {
    pid: Number(handle['pid']),
    startTime: Number(handle['startTime']),
    bootId: String(handle['bootId'] ?? ''),
    rootless: handle['rootless'] === true,
  };
}

function aliveHolder(deps: Pick<NetnsDeps, 'isHolderAlive'>, handle: EngineHandle, plan: LabPlan): Holder {
  const holder = holderOf(handle);
  if (deps.isHolderAlive(holder)) return holder;
  throw new LabError({
    code: 'LAB_LOST',
    message: `lab ${plan.name} is lost: its holder, process ${holder.pid}, is gone (a reboot, or somebody ended it)`,
    hint: `\`cnilab down ${plan.name}\` cleans up, \`cnilab up\` rebuilds it`,
  });
}

const EOPNOTSUPP = 95;

/** What the kernel refused, said in terms of the lab: which CNI option asked for it, and which do without. */
function explained(cause: unknown, plan: LabPlan): unknown {
  if (!(cause instanceof EngineError) || cause.details['errno'] !== EOPNOTSUPP) return cause;
  const about = (kind: string, users: string, instead: string): EnvironmentError =>
    new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `this kernel has no ${kind} devices, which ${users} of lab ${plan.name} needs`,
      hint: instead,
      details: cause.details,
      cause,
    });
  if (/\bipip\b|\btunl0\b/.test(cause.message)) {
    return about(
      'ipip',
      'calico with encapsulation ipip',
      'use encapsulation vxlan, crossSubnet or none, which work here; or a kernel with CONFIG_NET_IPIP (`sudo modprobe ipip`)',
    );
  }
  if (/vxlan/.test(cause.message)) {
    return about(
      'vxlan',
      'the overlay',
      'use flannel with backend host-gw, calico with encapsulation none, or bridge; or a kernel with CONFIG_VXLAN (`sudo modprobe vxlan`)',
    );
  }
  return cause;
}
