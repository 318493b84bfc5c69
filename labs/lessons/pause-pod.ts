import type { ActionSpec, LessonSpec } from 'cnilab';

/** Starts a program in the pod that outlives the command, as a container would run it; its process id is kept in the lab's own /run. */
const start = (name: string, program: string): string =>
  `setsid node -e '${program}' </dev/null >/dev/null 2>&1 & echo $! >/run/cnilab/${name}.pid; i=0; until [ -e /run/cnilab/${name}.up ] || [ $i -ge 100 ]; do i=$((i + 1)); sleep 0.1; done`;

const WEB = (address: string): string =>
  start(
    'web',
    `require("http").createServer((_, answer) => answer.end("hello from web\\n")).listen(80${address}, () => require("fs").writeFileSync("/run/cnilab/web.up", ""))`,
  );
const LOOP = start(
  'loop',
  'const said = (text) => require("fs").writeFileSync("/run/cnilab/loop.txt", text); require("fs").writeFileSync("/run/cnilab/loop.up", ""); setInterval(() => require("http").get("http://127.0.0.1:80/", (from) => from.on("data", said)).on("error", (error) => said(error.code + "\\n")), 300)',
);
const STOP_WEB = 'kill $(cat /run/cnilab/web.pid); rm -f /run/cnilab/web.up; sleep 1';
const webAgain: readonly ActionSpec[] = [{ on: 'example', run: WEB(''), timeoutMs: 20_000 }];

export const lesson: LessonSpec = {
  title: 'The sandbox of a pod: why two containers have one address',
  topic: 'cni',
  level: 'first',
  order: 5,
  goal: [
    'A pod is one or more containers that share a network: one address, one set of ports, one loopback. So the network must be there before the first container, and stay when a container dies.',
    'In Kubernetes the *sandbox* does that, a network namespace that is made first and given an address by CNI; on most nodes a tiny program called `pause` lives in it and does nothing else than be there.',
    'Here the pod `example` comes up with its sandbox alone. You start its two programs, let one call the other at localhost, kill one, and see what stays.',
  ].join('\n'),
  notShown: [
    'This engine runs no containers: what the manifest calls `web` and `loop` are two programs that you start in the namespace of the pod. Their file systems, and the volumes that containers of a pod may share, are outside of it.',
    'Nor is there a `pause` process: the namespace is kept by a name in /run/netns, as some container runtimes do it, too. On a real node `crictl pods` lists the sandboxes and `crictl ps` the containers.',
  ].join('\n'),
  steps: [
    {
      title: 'The first container joins',
      on: 'example',
      run: WEB(''),
      undo: STOP_WEB,
      timeoutMs: 20_000,
      text: 'A web server on port 80, in the namespace of the pod. The runtime would make a container with a file system of its own and put it into this network, which is there already.',
      check: { id: 'web', says: 'something listens on port 80 in the pod', type: 'output', on: 'example', run: 'ss -ltn', matches: [':80\\b'] },
    },
    {
      title: 'The second one joins',
      on: 'example',
      run: LOOP,
      undo: 'kill $(cat /run/cnilab/loop.pid); sleep 1; rm -f /run/cnilab/loop.up /run/cnilab/loop.txt',
      timeoutMs: 20_000,
      text: 'It calls http://127.0.0.1:80/ again and again, and writes down what it got. It asked nobody where `web` is.',
      check: { id: 'loop', says: 'the loop hears web', type: 'output', on: 'example', run: 'cat /run/cnilab/loop.txt', shows: ['hello from web'] },
    },
  ],
  look: [
    {
      title: 'One address for all of them',
      on: 'example',
      run: 'ip -br -4 address; ip route',
      shows: [
        'lo UNKNOWN 127.0.0.1/8',
        'eth0@if… UP 172.17.33.2/24',
        'default via 172.17.33.1 dev eth0',
        '172.17.33.0/24 dev eth0 proto kernel scope link src 172.17.33.2',
      ],
      text: 'It belongs to the sandbox. The plugin that CNI calls made `eth0`, and the IPAM plugin that it calls in turn (host-local here) chose the address; no container had a part in it.',
    },
    {
      title: 'The sandbox has a name',
      on: 'node1',
      run: 'ls /run/netns',
      shows: ['…', 'pod.c1.default.example'],
      text: 'What the container runtime hands to CNI as `CNI_NETNS` is such a file. It keeps the namespace alive when no process is in it.',
    },
    {
      title: 'Both are in it',
      on: 'example',
      run: 'for name in web loop; do readlink /proc/$(cat /run/cnilab/$name.pid)/ns/net; done | uniq -c',
      shows: ['2 net:[…]'],
      text: 'A namespace is known by its inode. Two processes, one number: one network. That is how to check it on any node, whatever the runtime is called; `docker inspect` used to say it as `NetworkMode: container:…`, with the Id of the pause container.',
    },
    {
      title: 'The node is elsewhere',
      on: 'node1',
      run: '[ "$(readlink /proc/self/ns/net)" = "$(readlink /proc/$(cat /run/cnilab/web.pid)/ns/net)" ] && echo same || echo another',
      shows: ['another'],
      text: 'Its own namespace, its own addresses, its own port 80.',
    },
    {
      title: 'Neighbours at localhost',
      on: 'example',
      run: 'cat /run/cnilab/loop.txt; ss -Hltn | grep -c :80',
      shows: ['hello from web', '1'],
      text: 'The packets of this conversation go over `lo` and never leave the pod. Nothing passes them on, least of all the pause program: a shared network is not a bridge. The other side of it: two containers of a pod cannot both listen on port 80.',
    },
    {
      title: 'A container restarts',
      on: 'example',
      run: `${STOP_WEB}; cat /run/cnilab/loop.txt; ip -br -4 address show dev eth0; ${WEB('')}; sleep 1; cat /run/cnilab/loop.txt`,
      timeoutMs: 30_000,
      shows: ['ECONNREFUSED', 'eth0@if… UP 172.17.33.2/24', 'hello from web'],
      text: 'While `web` is away its port is closed, and the address is still there: nobody called CNI. Only when the sandbox itself goes, with the pod, is the address given back.',
    },
  ],
  checks: [
    {
      id: 'localhost',
      says: 'one container hears the other at localhost',
      type: 'output',
      on: 'example',
      run: 'cat /run/cnilab/loop.txt',
      shows: ['hello from web'],
    },
    {
      id: 'shared-namespace',
      says: 'both containers are in the namespace of the pod',
      type: 'output',
      on: 'example',
      run: 'for pid in self $(cat /run/cnilab/web.pid) $(cat /run/cnilab/loop.pid); do readlink /proc/$pid/ns/net; done | sort -u | wc -l',
      shows: ['1'],
    },
    {
      id: 'address',
      says: 'the pod has 172.17.33.2/24, and its gateway is the bridge',
      type: 'output',
      on: 'example',
      run: 'ip -br -4 address show dev eth0; ip route',
      matches: ['172\\.17\\.33\\.2/24', '^default via 172\\.17\\.33\\.1 '],
    },
    {
      id: 'from-outside',
      says: 'web answers at the address of the pod',
      type: 'output',
      on: 'node1',
      run: `node -e 'require("http").get("http://\${example}/", (from) => from.pipe(process.stdout)).on("error", (error) => console.log(error.code))'`,
      shows: ['hello from web'],
    },
    { id: 'network', says: 'the address that others see is the one that the pod sees', type: 'verdict', only: ['r2-node-to-pod', 'r3-self-view'] },
  ],
  exercises: [
    {
      name: 'one-gone',
      title: 'Half a pod',
      symptom: '“The loop reports ECONNREFUSED. The pod still has its address and answers pings, so what is refused?”',
      see: { on: 'example', run: 'cat /run/cnilab/loop.txt; ip -br -4 address show dev eth0' },
      break: [{ on: 'example', run: STOP_WEB }],
      hints: [
        'Refused means: the address was reached, and nobody listens on the port.',
        'Who listens in the pod? `ss -ltn`',
        'web has died. A kubelet would start it again, into the same sandbox.',
      ],
      solution: webAgain,
      why: 'Address and route belong to the sandbox, ports to the programs in it. A pod can be reachable as a whole and have a dead container: that is why readiness is asked of containers and not of addresses.',
    },
    {
      name: 'only-outside',
      title: 'Everybody but the neighbour',
      symptom: '“From the node web answers. The container beside it, in the same pod, gets refused.”',
      see: { on: 'example', run: 'cat /run/cnilab/loop.txt; ss -ltn' },
      break: [
        { on: 'example', run: STOP_WEB },
        { on: 'example', run: WEB(', "172.17.33.2"'), timeoutMs: 20_000 },
        { on: 'example', run: 'sleep 1' },
      ],
      hints: [
        'Same port, two addresses: which one does the loop call?',
        'Look at the local address in `ss -ltn`.',
        'web listens on 172.17.33.2 only, and not on 127.0.0.1.',
      ],
      solution: [{ on: 'example', run: STOP_WEB }, ...webAgain],
      why: 'A program that listens on one address is not found at another one, be it of the same machine. The other way round is more common: what listens on 127.0.0.1 can be called by its pod alone, and `kubectl port-forward` finds it while a Service does not.',
    },
  ],
  today: [
    {
      claim: 'A pod has at least two containers, one of them is called pause.',
      truth:
        'For Kubernetes the sandbox is none of the containers of a pod: `kubectl` does not show it. Whether a process sits in it is up to the runtime; some keep the namespace without one.',
      source: 'https://kubernetes.io/docs/concepts/containers/cri/',
    },
    {
      claim: 'The pause container acts as a bridge, and passes the traffic on to the containers.',
      truth: 'It passes on nothing and is in no path. It holds the namespace open; the containers use its network directly.',
      source: 'https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking',
    },
    {
      claim:
        '`docker inspect` of the pause container shows address, gateway, MAC and NetworkMode of a pod, and `docker ps` the image gcr.io/google_containers/pause-amd64:3.0.',
      truth:
        'Nodes run containerd or CRI-O: `crictl pods`, `crictl inspectp`. The image is registry.k8s.io/pause. And where Docker is used by itself, its API gives these fields per network now.',
      source: 'https://kubernetes.io/docs/tasks/debug/debug-cluster/crictl/',
    },
    {
      claim: 'The kubelet starts a pod by way of dockershim, then a second plugin gives the network an address.',
      truth:
        'dockershim left with Kubernetes 1.24; kubelet speaks CRI to the runtime, which calls CNI. The address comes from the IPAM plugin that the CNI plugin itself calls.',
      source: 'https://kubernetes.io/docs/setup/production-environment/container-runtimes/',
    },
    {
      claim: '`kubectl describe` shows container IDs that `docker inspect` takes.',
      truth: 'They begin with the name of the runtime, `containerd://…`; without it, `crictl inspect` takes them.',
      source: 'https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/',
    },
    {
      claim: 'That containers of a pod see each other at localhost is the first requirement of the network model.',
      truth: 'It is what a pod is. The requirements are about different pods, and about nodes and pods.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model',
    },
    {
      claim: 'The image centos serves as a second container with curl in it.',
      truth: 'CentOS Linux has ended; use any image with the tools that you need, such as curlimages/curl, at a fixed version.',
      source: 'https://www.centos.org/centos-linux-eol/',
    },
  ],
};
