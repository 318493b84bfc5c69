/** Programs on nodes are started from outside, by a container engine or by ssh: who ends that client does not end the program. */

/** How much later than the client a node ends the program, in seconds: whose time is up is told by the client. */
const LATER_S = 1;

/**
 * The same program, which the node itself ends when its time is up, with all that it has started in its process group (timeout(1), of coreutils and of BusyBox).
 *
 * @param timeoutMs the client's limit in milliseconds; undefined: none
 */
export function limited(argv: readonly string[], timeoutMs: number | undefined): readonly string[] {
  return timeoutMs === undefined ? argv : ['timeout', '-k', '1', String(Math.ceil(timeoutMs / 1000) + LATER_S), ...argv];
}

/** Ends every program that has the word in its command line, but for itself: the brackets keep what carries this command from being one of them. */
export function endAllWith(nonce: string): readonly string[] {
  return ['pkill', '-f', `[${nonce.slice(0, 1)}]${nonce.slice(1)}`];
}
