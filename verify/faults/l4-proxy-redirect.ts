import { PROBE_PORT } from '../../topology/probing.ts';
import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { podAddress } from './target.ts';

/** Where the proxy listens on the node; sidecars and node proxies of service meshes use the same one. */
const PROXY_PORT = 15001;

/** Node is what runs this, so it is there; the program takes connections and opens its own to the pod. */
const PROXY = `const net = require('net');
const [host, port, listen] = process.argv.slice(1);
net.createServer({ allowHalfOpen: true }, (client) => {
  const pod = net.connect({ host, port: Number(port), allowHalfOpen: true });
  for (const end of [client, pod]) end.on('error', () => { client.destroy(); pod.destroy(); });
  client.pipe(pod);
  pod.pipe(client);
}).listen(Number(listen));`;

/** Waits as long as a socket listens on port $1, or with `! ` as long as none does: until the process of the file $2 has ended, if one is named, and 5 s at most. */
const whileListening = (not: '' | '! '): string =>
  `port=$(printf %04X "$1"); i=0; while ${not}grep -q ":$port 0.* 0A " /proc/net/tcp /proc/net/tcp6; do i=$((i+1)); [ $i -lt 250 ] && { [ -z "$2" ] || kill -0 "$(cat "$2")"; } || exit 1; sleep 0.02; done`;

/** TCP meant for one pod ends at the node; the pod sees the node's address and another port. UDP and ICMP go straight. */
export const l4ProxyRedirect: Fault = {
  id: 'l4-proxy-redirect',
  layer: 'proxy',
  title: 'a node redirects TCP for a pod of another node into a proxy of its own',
  diagnosis: 'proxy-in-path',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target) => {
    const { node, family } = target;
    const address = podAddress(target, target.peerPod);
    const redirect = firstRule(node.netns, family, 'nat', 'PREROUTING', [
      '-p',
      'tcp',
      '-d',
      address,
      '--dport',
      PROBE_PORT,
      '-j',
      'REDIRECT',
      '--to-ports',
      PROXY_PORT,
    ]);
    const pidFile = `/run/cnilab/proxy.${node.netns}.pid`;
    const sh = (script: string, ...args: readonly string[]): readonly string[] => ['sh', '-c', script, 'sh', ...args];
    return {
      inject: [
        // A session and standard streams of its own: it outlives the program that starts it.
        {
          netns: node.netns,
          argv: sh(
            'mkdir -p /run/cnilab; setsid "$2" -e "$3" -- "$4" "$5" "$6" </dev/null >/dev/null 2>&1 & echo $! > "$1"',
            pidFile,
            process.execPath,
            PROXY,
            address,
            String(PROBE_PORT),
            String(PROXY_PORT),
          ),
        },
        {
          netns: node.netns,
          argv: sh(whileListening('! '), String(PROXY_PORT), pidFile),
          lack: 'the proxy does not run there: it is a program of this package, for Node.js',
        },
        ...redirect.inject,
      ],
      undo: [
        ...redirect.undo,
        { netns: node.netns, argv: sh('kill "$(cat "$1")"; rm -f "$1"', pidFile), tolerant: true },
        // A signal only asks: until the process is gone, its socket listens.
        { netns: node.netns, argv: sh(whileListening(''), String(PROXY_PORT)), tolerant: true },
      ],
    };
  },
};
