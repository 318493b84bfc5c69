/** Starts a program that the engine runs in a pod again, as the engine started it, and leaves the note of it that the engine keeps. */

/** Which one: what the engine calls its kind, and a TCP port on which it listens. */
export interface PodServer {
  readonly kind: 'dns' | 'ingress';
  readonly port: number;
}

const DNS_SERVER: PodServer = { kind: 'dns', port: 53 };

/** The note: process id and start time, then the server's argv, separated by NUL. */
const noteOf = (netns: string, { kind }: PodServer): string => `/run/cnilab/${kind}/${netns}.run`;
const logOf = (netns: string, { kind }: PodServer): string => `/run/cnilab/${kind}/${netns}.log`;

/** Is the process of the note still that one? Field 22 of its stat is when it started (proc(5)). */
const RUNS = 'read -r pid start < "$1"; runs() { [ -n "$start" ] && [ "$(awk \'{ print $22 }\' "/proc/$pid/stat" 2>/dev/null)" = "$start" ]; }';

/** A session and standard streams of its own: it outlives the program that starts it. Done when something listens on the TCP port, in four hexadecimal digits. */
const RESTART = [
  // Mended by hand before: a second one would find the port taken, and the note would be of it.
  RUNS,
  '! runs || exit 0',
  'pid=$(tail -n +2 "$1" | xargs -0 sh -c \'setsid "$@" </dev/null >>"$0" 2>&1 & echo $!\' "$2")',
  'i=0; until grep -qi ":$3 0.* 0A " /proc/net/tcp /proc/net/tcp6; do i=$((i+1)); [ $i -lt 250 ] || exit 1; sleep 0.02; done',
  '{ echo "$pid $(awk \'{ print $22 }\' /proc/$pid/stat)"; tail -n +2 "$1"; } > "$1.new" && mv "$1.new" "$1"',
].join('; ');

/** argv, to be run in the namespace of the pod. */
export function restartServer(netns: string, server: PodServer = DNS_SERVER): readonly string[] {
  const port = server.port.toString(16).padStart(4, '0');
  return ['sh', '-c', RESTART, 'sh', noteOf(netns, server), logOf(netns, server), port];
}

/**
 * argv that runs the server once more, as the engine started it, and waits until it has ended by itself, up to 20 seconds. It fails unless the server ended with 1,
 * and the last that it wrote matches `last`, a basic regular expression.
 */
export function runUntilItEnds(netns: string, last: string, server: PodServer = DNS_SERVER): readonly string[] {
  const run = 'tail -n +2 "$1" | xargs -0 sh -c \'timeout 20 "$@" </dev/null >>"$0" 2>&1; [ $? -eq 1 ]\' "$2" && tail -n 1 "$2" | grep -q -- "$3"';
  return ['sh', '-c', run, 'sh', noteOf(netns, server), logOf(netns, server), last];
}

/** argv that ends the server, and waits for its end. */
export function stopServer(netns: string, server: PodServer = DNS_SERVER): readonly string[] {
  return [
    'sh',
    '-c',
    `${RUNS}; runs || exit 0; kill "$pid"; i=0; while runs; do i=$((i+1)); [ $i -lt 250 ] || exit 1; sleep 0.02; done`,
    'sh',
    noteOf(netns, server),
  ];
}
