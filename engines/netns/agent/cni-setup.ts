/** The CNI of a node as its installer leaves it and its container runtime finds it: a folder of configurations, and one of plugins. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineError } from '../../../topology/errors.ts';
import type { CniSetupSnapshot } from '../../port.ts';
import type { Op } from '../ops.ts';
import type { Json } from './cni-config.ts';
import { cniFolders } from './cni-folders.ts';
import { pluginFolders } from '../../executables.ts';
import { writeLabFile } from './files.ts';
import { isExecutable } from './processes.ts';

const OWN_FILE = '10-cnilab.conflist';
/** What runtimes take for a configuration (containerd's go-cni, `loadFromConfDir`). */
const CONFIGURATION = /\.(?:conf|conflist|json)$/;

/** Writes the list, and links every plugin of the machine; a plugin that is in two folders is the one of the first. */
export function installCni({ ns, list, pluginDirs }: Extract<Op, { readonly op: 'cni-setup' }>): void {
  const { configs, plugins } = cniFolders(ns);
  writeLabFile(join(configs, OWN_FILE), `${JSON.stringify(list, null, 2)}\n`);
  rmSync(plugins, { recursive: true, force: true });
  mkdirSync(plugins, { recursive: true });
  for (const [name, path] of machinePlugins(pluginDirs)) symlinkSync(path, join(plugins, name));
}

function machinePlugins(own: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of pluginFolders(own)) {
    for (const name of namesIn(folder)) {
      const path = resolve(folder, name);
      if (!found.has(name) && isExecutable(path)) found.set(name, path);
    }
  }
  return found;
}

/** Fine when they are gone. */
export function removeCni(ns: string): void {
  for (const folder of Object.values(cniFolders(ns))) rmSync(folder, { recursive: true, force: true });
}

/** For a snapshot; nothing of a namespace that is no such node. */
export function readCniSetup(ns: string): { readonly cni?: CniSetupSnapshot } {
  const { configs, plugins } = cniFolders(ns);
  if (!existsSync(configs) && !existsSync(plugins)) return {};
  return {
    cni: {
      configFolder: configs,
      configs: configurations(configs).map((file) => ({ file, text: readFileSync(join(configs, file), 'utf8') })),
      pluginFolder: plugins,
      plugins: namesIn(plugins).filter((name) => isExecutable(join(plugins, name))),
    },
  };
}

/**
 * The list that the node's runtime would use: the lexically first one. A file with a single plugin is a list of one.
 *
 * @throws EngineError when there is none, or the first is no JSON
 */
export function currentList(ns: string): Json {
  const { configs } = cniFolders(ns);
  const [first] = configurations(configs);
  if (first === undefined) throw unusable(`there is no CNI configuration in ${configs}`);
  try {
    const value = JSON.parse(readFileSync(join(configs, first), 'utf8')) as Json;
    return first.endsWith('.conflist') ? value : { cniVersion: value['cniVersion'], name: value['name'], plugins: [value] };
  } catch (error) {
    throw unusable(`${join(configs, first)}, the first CNI configuration, cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unusable(message: string): EngineError {
  return new EngineError({ code: 'ENGINE_STEP_FAILED', message, hint: '`cnilab verify LAB` tells what is wrong with it, and what mends it' });
}

function configurations(folder: string): readonly string[] {
  return namesIn(folder).filter((name) => CONFIGURATION.test(name));
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
