/** What a node's container runtime would attach a new pod with: the planned configuration, by plugins that are there. Pods that run do not notice. */
import type { CniSetupSnapshot } from '../../engines/port.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';

type Json = Readonly<Record<string, unknown>>;
type Config = CniSetupSnapshot['configs'][number];

/** Nodes whose runtime would take another configuration than the planned one, or lacks a plugin of the one that it would take. */
export function inventoryCni(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) => {
    const setup = namespaceOf(view, node.netns)?.cni;
    return setup === undefined ? [] : [...foreignConfigs(view, node, setup), ...missingPlugins(view, node, setup)];
  });
}

function foreignConfigs(view: LabView, node: NodePlan, { configFolder, configs }: CniSetupSnapshot): readonly Finding[] {
  const planned = node.conflist;
  if (planned === null) return [];
  const foreign = configs.filter((config) => canonical(listOf(config)) !== canonical(planned));
  const [first, ...others] = configs;
  if (first !== undefined && foreign.length === 0) return [];
  const hasPlanned = foreign.length < configs.length;
  const evidence = [
    first === undefined
      ? `there is no CNI configuration in ${configFolder} on ${node.name}; planned: ${describe(planned)}`
      : `${first.file} is the first CNI configuration in ${configFolder} on ${node.name}: ${describe(listOf(first))}; planned: ${describe(planned)}`,
    ...others.map((config) => `${config.file} comes after it and is not used: ${describe(listOf(config))}`),
  ];
  return [
    {
      name: 'foreign-cni-config',
      where: [node.id],
      certainty: first === undefined || foreign.includes(first) ? 'certain' : 'possible',
      evidence,
      mend: hasPlanned ? execCommand(view, node, ['rm', ...foreign.map(({ file }) => `${configFolder}/${file}`)]) : '',
      explains: ({ failure }) => failure.saw === evidence[0],
    },
  ];
}

/** A runtime sets `lo` up by a list of its own. */
const OF_THE_RUNTIME = 'loopback';

function missingPlugins(view: LabView, node: NodePlan, { configs, pluginFolder, plugins }: CniSetupSnapshot): readonly Finding[] {
  const [first] = configs;
  const list = first === undefined ? null : listOf(first);
  if (first === undefined || list === null) return [];
  const missing = [...new Set([OF_THE_RUNTIME, ...typesOf(list)])].filter((type) => !plugins.includes(type));
  if (missing.length === 0) return [];
  const evidence = [
    `${pluginFolder} on ${node.name} has no ${missing.join(', ')}, which ${first.file} calls`,
    `it has ${plugins.length === 0 ? 'no program at all' : plugins.join(', ')}`,
  ];
  return [
    {
      name: 'cni-binary-missing',
      where: [node.id],
      certainty: 'certain',
      evidence,
      mend: mendPlugins(view, node, pluginFolder, missing),
      explains: ({ failure }) => failure.saw === evidence[0],
    },
  ];
}

/** From a node that has them, where the folders of all nodes are in one file system: there no two have one path. '' where no node has them, or each node has a file system of its own. */
function mendPlugins(view: LabView, node: NodePlan, pluginFolder: string, missing: readonly string[]): string {
  const giver = view.nodes.flatMap(({ netns }) => namespaceOf(view, netns)?.cni ?? []).find(({ plugins }) => missing.every((name) => plugins.includes(name)));
  return giver === undefined || giver.pluginFolder === pluginFolder
    ? ''
    : execCommand(view, node, ['cp', '-P', ...missing.map((name) => `${giver.pluginFolder}/${name}`), pluginFolder]);
}

/** null: no configuration. A file with a single plugin is a list of one. */
function listOf({ file, text }: Config): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return null;
    return file.endsWith('.conflist') ? value : { cniVersion: value['cniVersion'], name: value['name'], plugins: [value] };
  } catch {
    return null;
  }
}

function pluginsOf(list: Json): readonly Json[] {
  return Array.isArray(list['plugins']) ? list['plugins'].filter(isObject) : [];
}

function typesOf(list: Json): readonly string[] {
  return pluginsOf(list).flatMap(({ type, ipam }) =>
    [type, isObject(ipam) ? ipam['type'] : undefined].filter((one) => typeof one === 'string' && one !== '').map(String),
  );
}

/** Sorted keys; without the folder of host-local's notes, which is the engine's own affair. */
function canonical(list: Json | null): string {
  return JSON.stringify(list, (key, value: unknown) =>
    key === 'dataDir' ? undefined : isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

/** `"old" (bridge, host-local 10.88.0.0/16)`. */
function describe(list: Json | null): string {
  if (list === null) return 'no configuration';
  const ranges = pluginsOf(list).flatMap(({ ipam }) => [...JSON.stringify(ipam ?? null).matchAll(/"subnet":"([^"]+)"/g)].map((match) => match[1] ?? ''));
  return `${JSON.stringify(list['name'] ?? '')} (${[...typesOf(list), ...ranges].join(', ')})`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
