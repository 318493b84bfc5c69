/** Calls one CNI plugin binary in the node's namespace. */
import { delimiter, join } from 'node:path';
import { CommandError, EnvironmentError } from '../../../topology/errors.ts';
import { type ChainLink, type CniCommand, type CniOp, type Json, pluginConfig, pluginEnvironment } from './cni-config.ts';
import { commandText, isExecutable, lastLines, runProcess } from './processes.ts';

const USUAL_FOLDERS = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];
/** Far above what any plugin needs (5 ms), far below what a person waits for. */
const TIMEOUT_MS = 30_000;

/** Folders in which plugins are looked for, first match wins: the lab's own, $CNI_PATH, then where distributions and installers put them. */
export function pluginFolders(op: CniOp): string[] {
  return [...new Set([...op.pluginDirs, ...(process.env['CNI_PATH'] ?? '').split(delimiter).filter((part) => part !== ''), ...USUAL_FOLDERS])];
}

/**
 * Calls the plugin; returns its result (null when it printed none, as DEL and CHECK do).
 *
 * @throws EnvironmentError when there is no such plugin, CommandError with the plugin's code, message and details when it fails
 */
export async function callPlugin(command: CniCommand, link: ChainLink, op: CniOp, previous: Json | null): Promise<Json | null> {
  const folders = pluginFolders(op);
  const program = findPlugin(link.type, folders);
  if (program === null) {
    throw new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `CNI plugin ${JSON.stringify(link.type)} was not found in ${folders.join(', ')}`,
      hint: 'apt-get install containernetworking-plugins, or put the plugin in one of these folders',
    });
  }
  const input = JSON.stringify(pluginConfig(link, op, previous));
  const env = pluginEnvironment(command, link, op, folders.join(delimiter));
  const result = await runProcess(op.node, [program], { input, env, timeoutMs: TIMEOUT_MS });
  const answer = parseJson(result.stdout);
  if (result.exitCode === 0) return answer;
  const reason = answer === null ? `exit code ${result.exitCode}: ${lastLines(result.stderr) || lastLines(result.stdout)}` : reasonOf(answer);
  throw new CommandError({
    code: 'COMMAND_FAILED',
    message: `CNI plugin ${link.type} failed at ${command}: ${reason}`,
    hint: "check that plugin's entry in the network configuration list; the command in the details can be repeated inside the lab",
    details: {
      plugin: program,
      command: commandText(op.node, [program], input, env),
      stderr: lastLines(result.stderr),
      ...(answer === null ? {} : { answer }),
    },
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
