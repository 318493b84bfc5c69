/** Whom a CoreDNS of the engine passes on what is not of its cluster: the line of its Corefile, and the loop that it may lead into. */
import { restartServer } from './restart-server.ts';

/** Where the engine keeps the configuration of the CoreDNS of a pod. */
export const dnsFile = (netns: string): string => `/run/cnilab/dns/${netns}/Corefile`;

/** The server itself, as it names itself to itself. */
export const LOOP_ADDRESS = '127.0.0.1';

/** Is that the line with which CoreDNS ends when it is asked what it has passed on? plugin/loop/loop.go of CoreDNS writes it. */
export function tellsOfLoop(line: string): boolean {
  return /plugin\/loop: Loop .*detected for zone/.test(line);
}

/** argv that lets the server pass on to the resolvers of the lab again, or where it has none to nobody, and starts it. */
export function mendForwarding(netns: string, resolvers: readonly string[]): readonly string[] {
  const edit = resolvers.length === 0 ? '/^ *forward /d' : `s/^\\( *forward \\.\\) .*/\\1 ${resolvers.join(' ')}/`;
  return ['sh', '-c', 'sed -i "$1" "$2" && shift 2 && exec "$@"', 'sh', edit, dnsFile(netns), ...restartServer(netns)];
}
