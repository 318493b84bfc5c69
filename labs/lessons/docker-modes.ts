import type { LessonSpec } from 'cnilab';

/** Listens on port 8080 and says so; or says why it cannot. */
const LISTEN = `node -e "require('net').createServer().on('error', (e) => console.log(e.code)).listen(8080, function () { console.log('listening'); this.close(); })"`;

export const lesson: LessonSpec = {
  title: "Docker's network modes",
  topic: 'docker',
  level: 'first',
  order: 1,
  goal: `\`docker run --network …\` decides in which network namespace a container's programs run, and what is plugged into it. Here every choice stands beside the others on one
host: \`none\`, \`host\`, the default \`bridge\`, a user-defined network, and the network of another container. After this lab you can tell from inside a container which mode it has, and
what follows from it: who reaches it, which ports are free, which names are known. A Kubernetes pod is the last of the modes, with several containers in one namespace.`,
  notShown: `There is no dockerd and there are no images: a container is its network namespace, and its programs are yours to start with \`cnilab exec\`. What \`docker network\`,
\`docker run --network\` and \`-p\` would set up in the kernel is there, in the shape of Docker 26.`,
  look: [
    {
      title: 'none: nothing but the loopback',
      on: 'alone',
      run: 'ip -br addr; ip route',
      shows: ['lo UNKNOWN 127.0.0.1/8'],
      text: `A namespace of its own, and nothing plugged in. There is no route either, so every packet to somewhere else fails at once, before it is sent. Programs inside still talk to
each other through 127.0.0.1.`,
    },
    {
      title: 'host: the machine itself',
      on: 'web-host',
      run: 'ip -br addr show eth0; ip -br link show type bridge',
      shows: ['eth0@… UP ${docker1}/24', 'docker0 UP …', 'br-… UP …'],
      text: `This container sees the interfaces of the machine, with the machine's address, and even Docker's bridges: it has no network namespace of its own. A program that listens on
port 8080 here listens on port 8080 of the machine, and nothing has to be published: \`-p\` is discarded, with a warning.`,
    },
    {
      title: 'bridge: a private network inside of the machine',
      on: 'web',
      run: 'ip -br addr; ip route',
      shows: [
        'lo UNKNOWN 127.0.0.1/8',
        'eth0@… UP ${web}/16',
        'default via 172.17.0.1 dev eth0 …',
        '172.17.0.0/16 dev eth0 proto kernel scope link src ${web}',
      ],
      text: `One veth pair: \`eth0\` is this end of it, the other one is a port of the bridge \`docker0\` on the machine, whose address 172.17.0.1 is the way out. This is what a container
gets that asks for nothing.`,
    },
    {
      title: "container: another one's network",
      on: 'sidecar',
      run: 'ip -br addr show eth0',
      shows: ['eth0@… UP ${web}/16'],
      text: `\`--network container:web\`: the very same namespace, the same \`eth0\`, the same address. What one of the two listens on, the other reaches at 127.0.0.1; a port is taken for both.
A pod is made like this, around a container that does nothing but hold the namespace.`,
    },
    {
      title: 'A network of your own knows names',
      on: 'front',
      run: 'cat /etc/resolv.conf; getent hosts db1; getent hosts db',
      shows: ['nameserver 127.0.0.11', 'options ndots:0', '172.18.0.3 db1', '172.18.0.3 db'],
      text: `Containers of a user-defined network find each other by name and by \`--network-alias\`. In each of them a resolver answers at 127.0.0.11; it is part of the daemon, and an address
of the loopback is the one place that no other container can reach.`,
    },
    {
      title: 'The default network knows none',
      on: 'web',
      run: "getent hosts db1 || echo 'not found'",
      shows: ['not found'],
      text: `On the default bridge there is no such resolver: containers have the host's own \`resolv.conf\`. Until the option \`--link\` fell out of use, names were written into /etc/hosts
there. Make a network of your own whenever containers are to find each other.`,
    },
    {
      title: 'Two bridges, one machine',
      on: 'docker1',
      run: 'ip -br -4 addr show type bridge',
      shows: ['docker0 UP 172.17.0.1/16', 'br-… UP 172.18.0.1/16'],
      text: `Each network is a Linux bridge with the gateway's address on it. \`docker network ls\` calls the first one \`bridge\`; the kernel calls it \`docker0\`. The bridge of a user-defined
network is named after the first 12 digits of its id.`,
    },
  ],
  checks: [
    {
      id: 'none-is-isolated',
      type: 'reach',
      says: 'from the container with network none, no packet leaves',
      from: 'alone',
      to: '${web}',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web' },
      expect: 'no-route',
    },
    {
      id: 'none-talks-to-itself',
      type: 'output',
      says: 'inside of it, 127.0.0.1 works',
      on: 'alone',
      run: 'ping -c1 -W1 127.0.0.1',
      matches: ['1 received'],
    },
    {
      id: 'host-mode-is-the-host',
      type: 'reach',
      says: "a program in the container with network host is reached at the host's address, without a published port",
      from: 'client',
      to: '${docker1}',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web-host' },
      expect: 'answered',
      seenAs: '${client}',
    },
    {
      id: 'second-listener-fails',
      type: 'output',
      says: 'with network host, a port that one program has is refused to the next',
      on: 'api-host',
      run: `node -e "const n = require('net'); n.createServer().listen(8081, () => n.createServer().on('error', (e) => { console.log(e.code); process.exit(); }).listen(8081))"`,
      shows: ['EADDRINUSE'],
    },
    { id: 'port-is-free', type: 'output', says: 'port 8080 of the host is free', on: 'api-host', run: LISTEN, shows: ['listening'] },
    {
      id: 'bridge-reaches-host',
      type: 'reach',
      says: 'a container on the bridge reaches its host',
      from: 'web',
      to: 'docker1',
      protocol: 'tcp',
      port: 9000,
      expect: 'answered',
      seenAs: '${web}',
    },
    {
      id: 'sidecar-shares',
      type: 'reach',
      says: 'what web listens on, its sidecar finds at 127.0.0.1',
      from: 'sidecar',
      to: '127.0.0.1',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web' },
      expect: 'answered',
    },
    {
      id: 'names-of-the-network',
      type: 'reach',
      says: 'within a user-defined network, containers reach each other without NAT',
      from: 'front',
      to: 'db1',
      protocol: 'tcp',
      port: 5432,
      expect: 'answered',
      seenAs: '${front}',
    },
    {
      id: 'networks-are-apart',
      type: 'reach',
      says: 'from one network into another nothing passes',
      from: 'web',
      to: 'front',
      protocol: 'tcp',
      port: 8080,
      expect: 'silent',
    },
  ],
  exercises: [
    {
      name: 'second-web-server',
      title: 'The second web server does not start',
      symptom: 'Two containers run with `--network host`, each with a web server on port 8080. The first one works. The second ends as soon as it is started.',
      see: { on: 'api-host', run: LISTEN },
      break: [
        {
          on: 'web-host',
          run: `node -e "require('net').createServer().listen(8080)" > /dev/null 2>&1 < /dev/null & sleep 1`,
        },
      ],
      hints: [
        'Read the error of the second server again: it is about a port.',
        'Which network namespace is each of them in, and who listens there? `ss -lntp`',
        'Both are in the namespace of the machine, and port 8080 is one thing there. End the program that has it (the process id stands in `ss -lntp`), or give one another port.',
      ],
      solution: [{ on: 'docker1', run: `kill $(ss -Hlntp 'sport = :8080' | sed 's/.*pid=\\([0-9]*\\).*/\\1/'); sleep 0.5` }],
      why: `A port belongs to a network namespace. On a bridge each container has its own, and ten of them may listen on 8080; with network host they share the machine's, with each other and
with everything else that runs on it. Kubernetes has the same limit for pods with \`hostNetwork: true\`, and for \`hostPort\`.`,
      checks: [
        { id: 'api-can-listen', type: 'output', says: 'the second web server can listen on port 8080', on: 'api-host', run: LISTEN, shows: ['listening'] },
      ],
    },
    {
      name: 'open-door',
      title: 'The shop is open to everybody on the host',
      symptom: 'The audit found that a container of the default network can talk to containers of the network `shop`. They were said to be apart.',
      see: { on: 'web', run: 'ping -c1 -W1 ${front} || true' },
      break: [{ on: 'docker1', run: 'iptables -D FORWARD -j DOCKER-ISOLATION-STAGE-1' }],
      hints: [
        'The host is a router between the two bridges. What keeps it from passing packets on?',
        "Docker's rules for that are two chains. Is the first of them still used? `iptables -S FORWARD`",
        'The jump to DOCKER-ISOLATION-STAGE-1 is missing from FORWARD. It belongs right after the one to DOCKER-USER.',
      ],
      solution: [{ on: 'docker1', run: 'iptables -I FORWARD 2 -j DOCKER-ISOLATION-STAGE-1' }],
      why: `Both networks are directly connected to the host, which forwards; without a rule they would reach each other. Stage 1 picks the packets that leave a bridge for somewhere else,
stage 2 drops those of them whose way leads into another bridge. The rest goes on: to the outside.`,
      checks: [
        {
          id: 'apart-again',
          type: 'reach',
          says: 'web does not reach front',
          from: 'web',
          to: 'front',
          protocol: 'tcp',
          port: 8080,
          expect: 'silent',
        },
      ],
    },
  ],
  today: [
    {
      claim: 'Docker has three network modes: bridge, none and host.',
      truth: `There are more: \`container:NAME\` (as here), any number of user-defined bridge networks, and with other drivers \`macvlan\`, \`ipvlan\` and \`overlay\`.`,
      source: 'https://docs.docker.com/engine/network/drivers/',
    },
  ],
};
