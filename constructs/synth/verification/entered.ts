import { limitSeconds, probesAtOnce, seconds } from './limits.ts';
import { PROBE_SCRIPT } from './probe-script.ts';

export interface EnteredProps {
  /** Name of its node in Kubernetes. */
  readonly node: string;
  /** `namespace/name` */
  readonly pod: string;
  /** The file of calls, and how many connections and questions they are. */
  readonly calls: string;
  readonly amount: number;
  readonly deadlineMs: number;
  readonly slowness: number;
}

/** What a shell in a pod of the lab is to run, on its standard input by {@link ENTER}: the probe script with the calls of this pod. */
export function enteredScript({ node, pod, calls, amount, deadlineMs, slowness }: EnteredProps): string {
  const limit = limitSeconds({ requirement: 'r3', targets: 0, families: 0, attempts: 0, deadlineMs, calls: amount, slowness });
  const values = {
    REQUIREMENT: 'own',
    NODE: node,
    POD: pod,
    CALLS: '$1/calls',
    SCRATCH: '$1',
    DEADLINE: seconds(deadlineMs),
    PARALLEL: String(probesAtOnce(slowness)),
    LIMIT: String(limit),
    OFFSETS: 'all',
    FAMILIES: 'ipv4 ipv6',
    ATTEMPTS: '0',
    MESH: 'no',
  };
  const exports = Object.entries(values).map(([name, value]) => `export ${name}="${value}"\n`);
  return `cat >"$1/calls" <<'END OF CALLS'\n${calls}END OF CALLS\n${exports.join('')}set --\n${PROBE_SCRIPT}`;
}

/** Keeps the script from its own standard input, which a program of it might read. Ends as the script ended. */
export const ENTER: readonly string[] = ['sh', '-c', 'd=$(mktemp -d) || exit; cat >"$d/run" && sh "$d/run" "$d" </dev/null; s=$?; rm -rf "$d"; exit "$s"'];
