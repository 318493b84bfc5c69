/** Calls one CNI plugin binary in the node's namespace. */
import { delimiter, join } from 'node:path';
import { CommandError, EnvironmentError } from '../../../topology/errors.ts';
import { pluginFolders } from '../../executables.ts';
import type { CniCall } from '../../port.ts';
import { cniFolders } from './cni-folders.ts';
import { type ChainLink, type CniCommand, type CniOp, type Json, pluginConfig, pluginEnvironment } from './cni-config.ts';
import { commandText, isExecutable, lastLines, runProcess } from './processes.ts';

/** Far above what any plugin needs (5 ms), far below what a person waits for. */
const TIMEOUT_MS = 30_000;

/** Folders in which plugins are looked for, first match wins: the node's own; without a set-up of the node, those of the machine. */
function foldersFor(op: CniOp): readonly string[] {
  return op.configured ? [cniFolders(op.node).plugins] : pluginFolders();
}

/**
 * Calls the plugin; returns its result (null when it printed none, as DEL and CHECK do).
 *
 * @throws EnvironmentError when there is no such plugin, CommandError with the plugin's code, message and details when it fails
 */
export async function callPlugin(command: CniCommand, link: ChainLink, op: CniOp, previous: Json | null): Promise<Json | null> {
  const { program, env, stdin, exitCode, answer, stdout, stderr } = await invokePlugin(command, link, op, previous);
  if (exitCode === 0) return answer;
  const reason = answer === null ? `exit code ${exitCode}: ${lastLines(stderr) || lastLines(stdout)}` : reasonOf(answer);
  throw new CommandError({
    code: 'COMMAND_FAILED',
    message: `CNI plugin ${link.type} failed at ${command}${op.configured ? ` by list ${JSON.stringify(link.list['name'])}` : ''}: ${reason}`,
    hint: `check that plugin's entry in the network configuration list ${JSON.stringify(link.list['name'])}; the command in the details can be repeated inside the lab`,
    details: {
      plugin: program,
      command: commandText(op.node, [program], JSON.stringify(stdin), env),
      stderr: lastLines(stderr),
      ...(answer === null ? {} : { answer }),
    },
  });
}

/**
 * Calls the plugin; what it answers is an answer, whatever it is.
 *
 * @param more variables in place of the usual ones
 * @throws EnvironmentError when there is no such plugin
 */
export async function invokePlugin(
  command: CniCommand,
  link: ChainLink,
  op: CniOp,
  previous: Json | null,
  more: Readonly<Record<string, string>> = {},
): Promise<CniCall & { readonly stdout: string }> {
  const folders = foldersFor(op);
  const program = requirePlugin(link.type, op);
  const stdin = pluginConfig(link, op, previous);
  const env = { ...pluginEnvironment(command, link, op, folders.join(delimiter)), ...more };
  const started = performance.now();
  const { exitCode, stdout, stderr } = await runProcess(op.node, [program], { input: JSON.stringify(stdin), env, timeoutMs: TIMEOUT_MS });
  return { command, plugin: link.type, program, env, stdin, exitCode, answer: parseJson(stdout), stdout, stderr, ms: performance.now() - started };
}

/** Path of a plugin. @throws EnvironmentError when there is none */
export function requirePlugin(type: string, op: CniOp): string {
  const folders = foldersFor(op);
  const program = findPlugin(type, folders);
  if (program !== null) return program;
  throw new EnvironmentError({
    code: 'ENVIRONMENT_LACKS',
    message: `CNI plugin ${JSON.stringify(type)} was not found in ${folders.join(', ')}`,
    hint: op.configured
      ? 'the node lost it, or the machine never had it: `cnilab verify LAB` says which'
      : 'apt-get install containernetworking-plugins, or put the plugin in one of these folders',
  });
}

/** A type is a file name, never a path. */
function findPlugin(type: string, folders: readonly string[]): string | null {
  if (!/^[\w.-]+$/.test(type)) return null;
  return folders.map((folder) => join(folder, type)).find(isExecutable) ?? null;
}

/** The error a plugin prints on stdout (spec, section 5, "Error"). */
function reasonOf(answer: Json): string {
  const details = typeof answer['details'] === 'string' && answer['details'] !== '' ? ` (${answer['details']})` : '';
  return `${String(answer['msg'] ?? 'no message')}${details} [code ${String(answer['code'] ?? '?')}]`;
}

function parseJson(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}
