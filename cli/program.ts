/** One run of the CLI: parse, load the command, bound it in time, say what went wrong, answer with the exit code. */
import { LabError } from '../topology/errors.ts';
import { commandNames, commands, type CommandName } from './command-table.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { helpTopic, renderHelp } from './help.ts';
import type { RunCommand } from './invocation.ts';
import type { LabApi } from './lab-api.ts';
import { createOutput, type Output } from './output.ts';
import { createProgress } from './progress.ts';
import { watchSignals, type SignalSource } from './signals.ts';
import type { Streams } from './streams.ts';

/** The module of each command, loaded when it runs. */
const modules: Readonly<Record<CommandName, () => Promise<{ readonly run: RunCommand }>>> = {
  init: () => import('./commands/init.ts'),
  labs: () => import('./commands/labs.ts'),
  validate: () => import('./commands/validate.ts'),
  plan: () => import('./commands/plan.ts'),
  synth: () => import('./commands/synth.ts'),
  images: () => import('./commands/images.ts'),
  lock: () => import('./commands/lock.ts'),
  up: () => import('./commands/up.ts'),
  verify: () => import('./commands/verify.ts'),
  compare: () => import('./commands/compare.ts'),
  diagnose: () => import('./commands/diagnose.ts'),
  evidence: () => import('./commands/evidence.ts'),
  step: () => import('./commands/step.ts'),
  check: () => import('./commands/check.ts'),
  exercise: () => import('./commands/exercise.ts'),
  solve: () => import('./commands/solve.ts'),
  grade: () => import('./commands/grade.ts'),
  capture: () => import('./commands/capture.ts'),
  graph: () => import('./commands/graph.ts'),
  ls: () => import('./commands/ls.ts'),
  inspect: () => import('./commands/inspect.ts'),
  exec: () => import('./commands/exec.ts'),
  shell: () => import('./commands/shell.ts'),
  kubeconfig: () => import('./commands/kubeconfig.ts'),
  down: () => import('./commands/down.ts'),
  doctor: () => import('./commands/doctor.ts'),
  schema: () => import('./commands/schema.ts'),
  'explain way': () => import('./commands/explain-way.ts'),
  'explain scheduler': () => import('./commands/explain-scheduler.ts'),
  'cni add': () => import('./commands/cni.ts'),
  'cni check': () => import('./commands/cni.ts'),
  'cni del': () => import('./commands/cni.ts'),
  'fault list': () => import('./commands/fault-list.ts'),
  'fault inject': () => import('./commands/fault-inject.ts'),
  'fault undo': () => import('./commands/fault-undo.ts'),
  'node stop': () => import('./commands/node.ts'),
  'node start': () => import('./commands/node.ts'),
  'node reboot': () => import('./commands/node.ts'),
  'node cut': () => import('./commands/node.ts'),
  'node mend': () => import('./commands/node.ts'),
  selftest: () => import('./commands/selftest.ts'),
  completion: () => import('./commands/completion.ts'),
};

export interface ProgramDependencies {
  /** @default the functions of lab/ */
  readonly lab?: LabApi;
  /** Who tells of Ctrl-C and SIGTERM. @default nobody */
  readonly signals?: SignalSource;
  /** Leaves at once; called for the second Ctrl-C. @default nothing */
  readonly exit?: (code: number) => void;
}

/** Runs one command line (without node and script). Never throws; resolves to the exit code. */
export async function runProgram(argv: readonly string[], streams: Streams, dependencies: ProgramDependencies = {}): Promise<number> {
  const topic = helpTopic(argv);
  if (topic !== undefined) {
    streams.stdout.write(renderHelp(topic));
    return exitCodes.ok;
  }
  const before = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (before[0] === '--version' || before[0] === '-V') {
    const { cnilabVersion } = await import('../lab/installation.ts');
    streams.stdout.write(`${before.includes('--json') ? JSON.stringify({ version: cnilabVersion() }) : cnilabVersion()}\n`);
    return exitCodes.ok;
  }
  if (argv.length === 0) {
    streams.stderr.write(renderHelp(''));
    return exitCodes.usage;
  }
  try {
    const { parseArguments } = await import('./parse.ts');
    const parsed = parseArguments(withoutHelp(argv));
    const { json, quiet, verbose, timeout } = parsed.options;
    const output = createOutput(streams, { json: json === true, quiet: quiet === true, verbose: verbose === true });
    return await runBounded(parsed.command, output, streams, dependencies, typeof timeout === 'number' ? timeout * 1000 : undefined, parsed);
  } catch (error) {
    await createOutput(streams, { json: before.includes('--json'), quiet: false, verbose: before.includes('-v') || before.includes('--verbose') }).error(error);
    return exitCodeOf(error);
  }
}

interface Operands {
  readonly operands: readonly string[];
  readonly options: Parameters<RunCommand>[0]['options'];
}

async function runBounded(
  command: CommandName,
  output: Output,
  streams: Streams,
  dependencies: ProgramDependencies,
  timeoutMs: number | undefined,
  parsed: Operands,
): Promise<number> {
  const controller = new AbortController();
  const progress = createProgress(streams.stderr, { json: output.json, quiet: output.quiet, verbose: output.verbose, style: output.peopleStyle });
  const watch =
    dependencies.signals === undefined
      ? undefined
      : watchSignals(dependencies.signals, {
          first: (reason) => {
            progress.stop();
            if (commands[command].graceMs > 0) output.note('stopping and saving; Ctrl-C again leaves at once');
            controller.abort(reason);
          },
          second: (code) => dependencies.exit?.(code),
        });
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(timedOut(command, timeoutMs));
        }, timeoutMs);
  const abandon = abandonment(controller.signal, commands[command].graceMs);
  try {
    const [{ run }, lab] = await Promise.all([modules[command](), dependencies.lab ?? import('./lab-api.ts').then((module) => module.labApi)]);
    const running = run({ command, ...parsed, lab, output, progress, streams, signal: controller.signal, timeoutMs, releaseSignals: () => watch?.release() });
    return await Promise.race([running, abandon.gone]);
  } catch (error) {
    progress.stop();
    const shown = reasonOf(error, controller.signal);
    await output.error(shown);
    return exitCodeOf(shown);
  } finally {
    progress.stop();
    clearTimeout(timer);
    abandon.cancel();
    watch?.end();
  }
}

/** Even what has nothing to save may have a child to end: the loader of a lab file. */
const LEAST_GRACE_MS = 250;

/** `gone` rejects with the reason of the abort, when the command has had its time to stop. */
function abandonment(signal: AbortSignal, graceMs: number): { readonly gone: Promise<never>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<never>((_resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        timer = setTimeout(
          () => {
            reject(signal.reason as LabError);
          },
          Math.max(graceMs, LEAST_GRACE_MS),
        );
      },
      { once: true },
    );
  });
  return {
    gone,
    cancel: () => {
      clearTimeout(timer);
    },
  };
}

/** After an abort the reason is what people want to read; what the command threw about it stays as cause. */
function reasonOf(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || error === signal.reason || !(signal.reason instanceof LabError)) return error;
  const { code, message, hint, details } = signal.reason;
  return new LabError({ code, message, hint, details, cause: error });
}

function timedOut(command: CommandName, timeoutMs: number): LabError {
  return new LabError({
    code: 'TIMEOUT',
    message: `${command} did not end within ${String(timeoutMs / 1000)} s`,
    hint: 'raise --timeout; -v shows which step takes the time; `cnilab ls` shows what was left',
    details: { timeoutMs },
  });
}

/** `cnilab help nonsense` and `cnilab nonsense --help` are mistakes of the command's name. */
function withoutHelp(argv: readonly string[]): readonly string[] {
  const words = argv[0] === 'help' ? argv.slice(1) : argv;
  const known = commandNames.some((name) => name.split(' ')[0] === words[0]);
  return known ? words : words.filter((word) => word !== '--help' && word !== '-h');
}
