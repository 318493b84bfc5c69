/** The author's own network configuration list: attachment is what its plugins do; the engine adds only the routes that the plan holds. */
import { deviceOps, pluginOps, type DataPath } from '../compile-data-path.ts';

export const raw: DataPath = {
  linkScope: 'node',
  node: (_cluster, node) => deviceOps(node),
  pod: pluginOps,
};
