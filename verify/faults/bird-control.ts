/** Commands to a node's BIRD, through its control socket; birdc need not be installed where the engine brought its own BIRD. */
import type { FaultStep } from './fault.ts';

/** Reads the greeting, sends one command, and fails on an error reply (8000 to 9999, doc/reply_codes of BIRD): an error nobody handles ends Node with 1. */
const CLIENT = `const [path, command] = process.argv.slice(1);
const socket = require('net').connect(path);
let text = '', sent = false;
socket.on('data', (chunk) => {
  text += chunk;
  if (!sent) { sent = true; text = ''; socket.write(command + '\\n'); return; }
  const last = /^(\\d)\\d{3} .*$/m.exec(text);
  if (last !== null) socket.destroy(last[1] >= '8' ? new Error(text) : undefined);
});`;

/** `disable kernel1`, `enable Mesh_172_30_0_3`, … */
export function bird(netns: string, command: string): FaultStep {
  return { netns, argv: [process.execPath, '-e', CLIENT, '--', `/run/cnilab/bird/${netns}.ctl`, command] };
}

/** BIRD's name of its kernel protocol, which has none in the configuration. */
export const KERNEL_PROTOCOL = 'kernel1';

/** Calico's name of the session with a peer. */
export function sessionName(address: string): string {
  return `Mesh_${address.replaceAll('.', '_')}`;
}

/** Waits until the routes are all there, or all gone: BIRD acts after it has answered. */
export function awaitRoutes(netns: string, ranges: readonly string[], wanted: 'present' | 'absent'): FaultStep {
  const test = wanted === 'present' ? 'grep -q .' : '{ ! grep -q .; }';
  const script = `for range; do i=0; until ip -4 route show exact "$range" | ${test}; do i=$((i+1)); [ $i -lt 500 ] || { echo "$range is not ${wanted}" >&2; exit 1; }; sleep 0.03; done; done`;
  return { netns, argv: ['sh', '-c', script, 'sh', ...ranges] };
}
