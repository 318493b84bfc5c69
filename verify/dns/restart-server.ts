/** Starts the DNS server of a pod again, as the engine started it, and leaves the note of it that the engine keeps. */

/** The note: process id and start time, then the server's argv, separated by NUL. */
const noteOf = (netns: string): string => `/run/cnilab/dns/${netns}.run`;
const logOf = (netns: string): string => `/run/cnilab/dns/${netns}.log`;

/** A session and standard streams of its own: it outlives the program that starts it. Done when something listens on TCP port 53 (0035). */
const RESTART = [
  'pid=$(tail -n +2 "$1" | xargs -0 sh -c \'setsid "$@" </dev/null >>"$0" 2>&1 & echo $!\' "$2")',
  'i=0; until grep -qi ":0035 0.* 0A " /proc/net/tcp /proc/net/tcp6; do i=$((i+1)); [ $i -lt 250 ] || exit 1; sleep 0.02; done',
  '{ echo "$pid $(awk \'{ print $22 }\' /proc/$pid/stat)"; tail -n +2 "$1"; } > "$1.new" && mv "$1.new" "$1"',
].join('; ');

/** argv, to be run in the namespace of the pod. */
export function restartServer(netns: string): readonly string[] {
  return ['sh', '-c', RESTART, 'sh', noteOf(netns), logOf(netns)];
}

/** argv that ends the server, and waits for its end. */
export function stopServer(netns: string): readonly string[] {
  return [
    'sh',
    '-c',
    'read -r pid start < "$1"; kill "$pid"; i=0; while kill -0 "$pid" 2>/dev/null; do i=$((i+1)); [ $i -lt 250 ] || exit 1; sleep 0.02; done',
    'sh',
    noteOf(netns),
  ];
}
