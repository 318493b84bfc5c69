import type { RawCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

/** A network configuration list of the CNI specification, 1.0.0 or 1.1.0. */
export interface CniConfigList {
  readonly cniVersion: string;
  readonly name: string;
  /** The chain of plugins, in the order in which ADD calls them. */
  readonly plugins: readonly CniPluginConfig[];
  readonly disableCheck?: boolean;
}

export interface CniPluginConfig {
  /** Name of the plugin's executable. */
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface RawCniProps {
  /**
   * The list, as it would stand in /etc/cni/net.d. Strings may hold `${podCIDR}`, `${podCIDR6}`, `${gateway}`, `${gateway6}`, `${node}` and
   * `${mtu}`, which are filled in per node.
   */
  readonly conflist: CniConfigList;
  /**
   * Folders that are searched for plugin executables before CNI_PATH, relative to the lab file.
   * @default none
   */
  readonly pluginDirs?: readonly string[];
  /**
   * `nodes`: routes between the nodes are added, as for the bridge CNI. `none`: the plugins see to it.
   * @default nodes
   */
  readonly routesOn?: 'nodes' | 'none';
  /**
   * MTU of the pods, in bytes.
   * @default the underlay's
   */
  readonly mtu?: number;
}

/**
 * Any network configuration list, or your own plugin.
 *
 * @see https://www.cni.dev/docs/spec/#section-1-network-configuration-format
 * @example
 * ```ts
 * import { Cluster, Lab, PodsPerNode, RawCni } from 'cnilab';
 *
 * const lab = new Lab({ name: 'by-conflist' });
 * const cni = new RawCni({
 *   conflist: {
 *     cniVersion: '1.0.0',
 *     name: 'mynet',
 *     plugins: [{
 *       type: 'bridge', bridge: 'cni0', isGateway: true,
 *       ipam: { type: 'host-local', ranges: [[{ subnet: '${podCIDR}' }]], routes: [{ dst: '0.0.0.0/0' }] },
 *     }],
 *   },
 * });
 * new PodsPerNode(new Cluster(lab, 'c1', { cni }), 'web', { count: 2 });
 * export default lab;
 * ```
 */
export class RawCni implements Cni {
  readonly props: RawCniProps;

  constructor(props: RawCniProps) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): RawCniSpec {
    return { type: 'raw', ...this.props, conflist: { ...this.props.conflist } };
  }
}
