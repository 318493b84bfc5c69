/** Where a node has its network configurations and its plugins: what /etc/cni/net.d and /opt/cni/bin are on a real one. */
import { LAB_FOLDER } from './files.ts';

/** Both folders are in the holder's private /run. */
export function cniFolders(node: string): { readonly configs: string; readonly plugins: string } {
  return { configs: `${LAB_FOLDER}/${node}/net.d`, plugins: `${LAB_FOLDER}/${node}/bin` };
}
