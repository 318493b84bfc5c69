/** What nodes themselves resolve by: it is behind what their pods do. */
import { nodeResolvConf, type ResolvConf } from '../../topology/services/resolv-conf.ts';
import type { Run } from '../run.ts';
import { parseResolvConf } from './expect.ts';

/** resolv.conf as the network of a node reads it: as planned, but on machines that are not the lab's own as they have it. null: nobody could read it. */
export async function nodeConf(run: Pick<Run, 'session' | 'plan'>, netns: string): Promise<ResolvConf | null> {
  if (!hasOwnResolvers(run)) return nodeResolvConf(run.plan);
  try {
    const { exitCode, stdout } = await run.session.run(netns, ['cat', '/etc/resolv.conf']);
    return exitCode === 0 ? parseResolvConf(stdout) : null;
  } catch {
    return null;
  }
}

/** Are the nodes machines with resolvers that no lab knows? */
export function hasOwnResolvers({ session }: Pick<Run, 'session'>): boolean {
  return session.names !== undefined;
}
