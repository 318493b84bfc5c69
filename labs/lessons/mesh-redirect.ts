import type { ActionSpec, LessonSpec } from 'cnilab';

/** Takes connections on 15006 and makes a new one to the address and port given; the verifier's responders listen on 7000. */
const PROXY = [
  'const net = require("net"), [host, port] = process.argv.slice(1);',
  'net.createServer({ allowHalfOpen: true }, (from) => {',
  'const to = net.connect({ host, port: Number(port), allowHalfOpen: true });',
  'for (const end of [from, to]) end.on("error", () => { from.destroy(); to.destroy(); });',
  'from.pipe(to); to.pipe(from);',
  '}).listen(15006)',
].join(' ');
const LISTENS = 'i=0; until ss -ltn | grep -q :15006 || [ $i -ge 50 ]; do i=$((i + 1)); sleep 0.1; done';
const start = (address: string): string =>
  `setsid node -e '${PROXY}' ${address} 7000 </dev/null >/dev/null 2>&1 & echo $! >/run/cnilab/proxy-${address}.pid; ${LISTENS}`;
const REDIRECT = 'PREROUTING -p tcp --dport 7000 -j REDIRECT --to-ports 15006';

const withoutProxy: readonly ActionSpec[] = [
  { on: 'plain', run: `iptables -t nat -D ${REDIRECT}` },
  { on: 'plain', run: 'kill $(cat /run/cnilab/proxy-${plain}.pid)' },
];

export const lesson: LessonSpec = {
  title: 'A proxy in the pod: what a service mesh does to the network',
  topic: 'ingress',
  level: 'deep',
  order: 2,
  goal: [
    'A service mesh such as Istio puts a proxy beside every application, in the same pod, and turns the connections of the pod over to it. The application notices nothing; the network model does.',
    'You build such a proxy in the pod `meshed` with two commands and look at what the server sees then: itself.',
    'The first requirement says that pods reach each other without anything in between. So a verifier must be told where a proxy is meant to be; anywhere else it is a fault.',
  ].join('\n'),
  notShown:
    'There is no mesh here: no control plane, no certificates, and the proxy passes bytes on without reading them. Outgoing connections are left alone.',
  steps: [
    {
      title: 'A proxy',
      on: 'meshed',
      run: start('${meshed}'),
      undo: 'kill $(cat /run/cnilab/proxy-${meshed}.pid)',
      text: 'A few lines of JavaScript that take connections on port 15006 (the one that Istio uses for what comes in) and open another one to the program on port 7000. Nobody is sent there yet.',
      check: { id: 'listens', says: 'something listens on port 15006 in meshed', type: 'output', on: 'meshed', run: 'ss -ltn', matches: [':15006\\b'] },
    },
    {
      title: 'Turn connections over to it',
      on: 'meshed',
      run: `iptables -t nat -A ${REDIRECT}`,
      undo: `iptables -t nat -D ${REDIRECT}`,
      text: '`REDIRECT` changes the destination of a connection to this machine, here the pod, and the port to that of the proxy. The rule is in the namespace of the pod: the node knows nothing of it.',
      check: {
        id: 'redirects',
        says: 'the rule is there',
        type: 'output',
        on: 'meshed',
        run: 'iptables -t nat -S PREROUTING',
        matches: ['REDIRECT --to-ports 15006'],
      },
    },
  ],
  look: [
    {
      title: 'The rule, in the pod',
      on: 'meshed',
      run: 'iptables -t nat -S PREROUTING',
      shows: ['-P PREROUTING ACCEPT', '-A PREROUTING -p tcp -m tcp --dport 7000 -j REDIRECT --to-ports 15006'],
      text: 'An init container or a CNI plugin of the mesh writes such rules: it needs to administer the network of the pod, which is why meshes come with privileges.',
    },
    {
      title: 'Not on the node',
      on: 'node1',
      run: 'iptables-save -t nat | grep -c REDIRECT || true',
      shows: ['0'],
      text: 'Whoever looks for the proxy on the node finds nothing. Every namespace has a packet filter of its own.',
    },
    {
      title: 'Who listens in the pod',
      on: 'meshed',
      run: 'ss -ltn | grep 15006',
      shows: ['LISTEN 0 511 *:15006 *:*'],
      text: 'The proxy. The application would stand beside it, on its own port.',
    },
    {
      title: 'Who listens in the other one',
      on: 'plain',
      run: 'ss -Hltn | wc -l',
      shows: ['0'],
      text: 'Nobody. While it verifies, `cnilab` opens its responders in both pods.',
    },
  ],
  checks: [
    {
      id: 'requirements',
      says: 'the network does what it must, with a proxy where one is meant to be',
      type: 'verdict',
      only: ['r1-pod-to-pod', 'r2-node-to-pod', 'r3-self-view'],
      verdict: 'pass',
    },
    {
      id: 'itself',
      says: 'the program in meshed sees the pod itself as the other side',
      type: 'reach',
      from: 'plain',
      to: 'meshed',
      protocol: 'tcp',
      port: 7000,
      expect: 'answered',
      seenAs: '${meshed}',
    },
    {
      id: 'beside',
      says: 'UDP goes past the proxy',
      type: 'reach',
      from: 'plain',
      to: 'meshed',
      protocol: 'udp',
      port: 7000,
      expect: 'answered',
      seenAs: '${plain}',
    },
    {
      id: 'no-proxy-meant',
      says: 'nothing is in between on the way to plain',
      type: 'reach',
      from: 'meshed',
      to: 'plain',
      protocol: 'tcp',
      port: 7000,
      expect: 'answered',
      seenAs: '${meshed}',
    },
  ],
  exercises: [
    {
      name: 'uninvited',
      title: 'A proxy that nobody ordered',
      symptom: '“In the log of plain every client has the same address since yesterday: its own. Whom are we talking to?”',
      see: { on: 'plain', run: 'iptables -t nat -S PREROUTING; ss -ltn' },
      break: [
        { on: 'plain', run: start('${plain}') },
        { on: 'plain', run: `iptables -t nat -A ${REDIRECT}` },
      ],
      hints: [
        'Let the verifier say it: `cnilab verify mesh-redirect`. Which protocols fail, and on the way to whom?',
        'Only TCP, and the server sees its own address: somebody inside the pod answers the call and calls anew.',
        'Look for the rule in the pod, not on the node, and for who listens where it leads.',
      ],
      solution: withoutProxy,
      why: 'It is the same arrangement as in `meshed`, and the verifier calls it `proxy-in-path` and fails: of this pod nobody has said that a proxy belongs there (`proxied: true` in the lab file, the annotation `cnilab.dev/proxy` of a pod). Same packets, other intention: what is in the path is a fact, whether it may be is a decision.',
    },
  ],
  today: [
    {
      claim: 'A service mesh extends the network of Kubernetes.',
      truth:
        'It works on top of it: between pods there is still the pod network, and a proxy at each end that ends connections. Requirement 1, no translation and nothing in between, must be read with that proxy declared.',
      source: 'https://istio.io/latest/docs/ops/deployment/application-requirements/',
    },
    {
      claim: 'A mesh means a sidecar in every pod, for connecting, securing, controlling and observing.',
      truth:
        'Istio speaks of traffic management, security and observability now, and has an ambient mode beside the sidecars, in which a proxy on each node takes the connections of its pods.',
      source: 'https://istio.io/latest/docs/overview/dataplane-modes/',
    },
  ],
};
