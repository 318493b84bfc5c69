import { attachesByPlugins, setupOf } from './cni-target.ts';
import type { Fault } from './fault.ts';

/** As after an installer that brings its own plugin and counts on the others being there. Pods that run keep their network. */
export const cniBinaryMissing: Fault = {
  id: 'cni-binary-missing',
  layer: 'cni-setup',
  title: 'a node has lost a plugin that its CNI configuration calls',
  diagnosis: 'cni-binary-missing',
  check: 'inventory-cni',
  fits: attachesByPlugins,
  script: (target, snapshot) => {
    const path = `${setupOf(target, snapshot).pluginFolder}/${mainPlugin(target.node.conflist)}`;
    const { netns } = target.node;
    return {
      inject: [{ netns, argv: ['mv', path, `${path}.off`] }],
      undo: [{ netns, argv: ['mv', `${path}.off`, path] }],
    };
  },
};

/** The first plugin of the list: the one that makes the interface. */
function mainPlugin(list: Readonly<Record<string, unknown>> | null): string {
  const plugins = Array.isArray(list?.['plugins']) ? (list['plugins'] as readonly Readonly<Record<string, unknown>>[]) : [];
  return String(plugins[0]?.['type'] ?? '');
}
