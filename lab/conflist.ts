import { readFile } from 'node:fs/promises';
import { LabError } from '../topology/errors.ts';

/** A network configuration list (CNI specification, section 1) as far as a runtime reads it. */
export interface Conflist extends Readonly<Record<string, unknown>> {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
/** What libcni takes for the name of a network (it names files), and for a plugin, which is one. */
const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const PLUGIN_TYPE = /^[\w.-]+$/;

/**
 * The list in a file. A configuration of one plugin, as files *.conf are, is a list of one. What a plugin reads is left to the plugin: also whether it knows
 * the version.
 *
 * @throws LabError CNI_LIST_INVALID that says what is wrong with it
 */
export async function readConflist(path: string): Promise<Conflist> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw invalid(path, cause.code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${cause.message}`, cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, `it is no JSON: ${(cause as SyntaxError).message}`, cause);
  }
  if (!isObject(value)) throw invalid(path, 'it is no JSON object');
  const list =
    value['plugins'] === undefined && value['type'] !== undefined ? { cniVersion: value['cniVersion'], name: value['name'], plugins: [value] } : value;
  const problem = problemOf(list);
  if (problem !== null) throw invalid(path, problem);
  return list as Conflist;
}

function problemOf({ cniVersion, name, plugins }: Readonly<Record<string, unknown>>): string | null {
  if (typeof cniVersion !== 'string' || cniVersion === '') return 'it has no "cniVersion", such as "1.0.0"';
  if (typeof name !== 'string' || !NETWORK_NAME.test(name)) return 'its "name" must be letters, digits, "_", "." and "-", a letter or digit first';
  if (!Array.isArray(plugins) || plugins.length === 0) return 'its "plugins" must be a list of at least one plugin';
  const bad = plugins.findIndex((plugin) => !isObject(plugin) || typeof plugin['type'] !== 'string' || !PLUGIN_TYPE.test(plugin['type']));
  return bad < 0 ? null : `its plugin ${bad + 1} has no "type", the name of the plugin's program`;
}

function invalid(path: string, why: string, cause?: unknown): LabError {
  return new LabError({
    code: 'CNI_LIST_INVALID',
    message: `${path}: ${why}`,
    hint: 'a list is {"cniVersion": "1.0.0", "name": "mynet", "plugins": [{"type": "bridge", …}]}; docs/cni-by-hand.md has a whole one',
    cause,
  });
}
