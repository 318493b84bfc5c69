import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: "Docker's default bridge",
  topic: 'docker',
  level: 'next',
  order: 2,
  goal: `What does \`docker run -d -p 8080:80 …\` do to the network of a machine? A namespace, a veth pair, a port of the bridge, an address; then some rules of the packet filter, by
which containers get out and published ports lead in. After this lab you can find every one of these pieces on a machine with Docker, follow a packet through them in both
directions, and say whose address the other side sees. CNI plugins do the same work with the same pieces.

\`docker1\` is the machine with Docker, as a virtual machine of minikube would be; \`laptop\` stands outside, behind a router.`,
  notShown: `There is no dockerd: the kernel's side is set up as Docker 26.1 does it, compared with \`iptables-save\` of a real one. docker-proxy is one small program for all ports here, and one
process per port there. The namespaces have names here; Docker's do not show in \`ip netns\`.`,
  look: [
    {
      title: 'The bridges',
      on: 'docker1',
      run: 'sleep 1; ip -br link show type bridge',
      shows: ['docker0 UP 02:42:… <BROADCAST,MULTICAST,UP,LOWER_UP>', 'br-… DOWN 02:42:… <NO-CARRIER,BROADCAST,MULTICAST,UP>'],
      text: `Docker makes what \`ip link add docker0 type bridge\` makes. \`docker network ls\` lists it under the name \`bridge\`. The second one belongs to the network \`spare\`, which has no
container. Both are switched on (\`UP\` between the brackets); the word before, \`UP\` or \`DOWN\`, is about the carrier: a bridge has one as long as one of its ports has.
The kernel takes up to a second to write down that it is gone or there, hence the \`sleep\`.`,
    },
    {
      title: 'A switch for containers, an interface for the host',
      on: 'docker1',
      run: 'ip -4 addr show docker0',
      shows: [
        '…: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 … state UP …',
        'inet 172.17.0.1/16 scope global docker0',
        'valid_lft forever preferred_lft forever',
      ],
      text: `The bridge carries an address: 172.17.0.1, the gateway of all containers on it. For them it is a switch, for the host it is a network card that is plugged into this switch.`,
    },
    {
      title: "The host's ends of the cables",
      on: 'docker1',
      run: 'ip -br link show master docker0',
      shows: ['${web.peer}@… UP … <BROADCAST,MULTICAST,UP,LOWER_UP>', '${busybox.peer}@… UP … <BROADCAST,MULTICAST,UP,LOWER_UP>'],
      text: `One veth for each container, and \`master docker0\` is what makes it a port of the switch. That is all that "connecting a container" means: one end of a pair in the namespace, the
other one in the bridge.`,
    },
    {
      title: "The container's end",
      on: 'busybox',
      run: 'ip addr show eth0',
      shows: [
        '…: eth0@if…: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 … state UP …',
        'link/ether 02:42:ac:11:00:07 brd ff:ff:ff:ff:ff:ff link-netns…',
        'inet 172.17.0.7/16 scope global eth0',
        'valid_lft forever preferred_lft forever',
      ],
      text: `The MAC address is 02:42 and then the IP address in hex: ac.11.00.07 is 172.17.0.7. \`eth0@if…\` names the number of the other end, on the host: look for the interface with that number
there (\`ip link\`), and you have found the cable.`,
    },
    {
      title: 'A namespace for each container',
      on: 'docker1',
      run: 'ip netns',
      shows: ['…', 'docker.docker1.busybox…', '…', 'docker.docker1.web…', '…'],
      text: `Here namespaces have names. On a machine with Docker this list is empty, since \`ip netns\` looks into /run/netns and Docker keeps its handles in /var/run/docker/netns:
\`docker inspect -f '{{.NetworkSettings.SandboxKey}}' web\` tells which one, and \`nsenter -t PID -n ip addr\` enters it. \`cnilab exec docker-bridge web -- ip addr\` does that here.`,
    },
    {
      title: 'The way out',
      on: 'web',
      run: 'ip route; ping -c1 -W2 ${laptop}',
      shows: [
        'default via 172.17.0.1 dev eth0 …',
        '172.17.0.0/16 dev eth0 proto kernel scope link src 172.17.0.3',
        'PING ${laptop} (${laptop}) 56(84) bytes of data.',
        '64 bytes from ${laptop}: icmp_seq=1 ttl=62 time=… ms',
        '',
        '--- ${laptop} ping statistics ---',
        '1 packets transmitted, 1 received, 0% packet loss, time 0ms',
        'rtt …',
      ],
      text: `eth0 of the container, the veth pair, docker0, then eth0 of the host: from docker0 on, the host is a router. \`ttl=62\` says that the answer crossed two routers: the one of the lab
and docker1. \`cnilab explain docker-bridge web laptop\` names every piece on the way, and the rule that each of them uses.`,
    },
    {
      title: 'Addresses are rewritten: table nat',
      on: 'docker1',
      run: 'iptables -t nat -S',
      shows: [
        '-P PREROUTING ACCEPT',
        '-P INPUT ACCEPT',
        '-P OUTPUT ACCEPT',
        '-P POSTROUTING ACCEPT',
        '-N DOCKER',
        '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
        '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
        '-A POSTROUTING -s 172.18.0.0/16 ! -o br-… -j MASQUERADE',
        '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
        '-A POSTROUTING -s 172.17.0.3/32 -d 172.17.0.3/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
        '-A POSTROUTING -s 172.17.0.7/32 -d 172.17.0.7/32 -p tcp -m tcp --dport 8080 -j MASQUERADE',
        '-A DOCKER -i br-… -j RETURN',
        '-A DOCKER -i docker0 -j RETURN',
        '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.3:80',
        '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.17.0.7:8080',
      ],
      text: `Out: \`-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\`. What comes from a container and leaves by anything but docker0 gets the host's address; what stays on the bridge is left alone.
In: whatever is addressed to the host itself goes through the chain DOCKER, where a published port is a DNAT rule, with its protocol. \`-i docker0 -j RETURN\` keeps containers out of it.
Use \`-S\`, or \`iptables -t nat -nvL\`: without \`-v\` the interfaces are not shown, and the rules look broader than they are.`,
    },
    {
      title: 'What may pass: table filter',
      on: 'docker1',
      run: 'iptables -S FORWARD; cat /proc/sys/net/ipv4/ip_forward',
      shows: [
        '-P FORWARD DROP',
        '-A FORWARD -j DOCKER-USER',
        '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
        '-A FORWARD -o br-… -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-A FORWARD -o br-… -j DOCKER',
        '-A FORWARD -i br-… ! -o br-… -j ACCEPT',
        '-A FORWARD -i br-… -o br-… -j ACCEPT',
        '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-A FORWARD -o docker0 -j DOCKER',
        '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
        '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
        '1',
      ],
      text: `Docker switches forwarding on, and then forbids it: policy DROP, with exceptions for its bridges. So the host is a router for containers and for nobody else, which has broken many a
machine that was a router before Docker came. Into a container only published ports lead: the chain DOCKER of *this* table has one ACCEPT for each. Rules of your own belong into DOCKER-USER.`,
    },
    {
      title: 'Somebody listens besides',
      on: 'docker1',
      run: 'ss -Hlnt | sort',
      shows: ['LISTEN 0 … 0.0.0.0:8000 0.0.0.0:*', 'LISTEN 0 … 0.0.0.0:8080 0.0.0.0:*'],
      text: `The rules would do without it, but not for everybody: connections to 127.0.0.1, and those of containers to the host's address, are taken by docker-proxy, which opens one of its own
to the container. Whoever comes by that way is seen as 172.17.0.1.`,
    },
  ],
  checks: [
    {
      id: 'published-web',
      type: 'reach',
      says: 'port 8080 of the host leads to port 80 of web, and web sees who asks',
      from: 'laptop',
      to: '${docker1}',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web', port: 80 },
      expect: 'answered',
      seenAs: '${laptop}',
    },
    {
      id: 'published-busybox',
      type: 'reach',
      says: 'port 8000 of the host leads to port 8080 of busybox',
      from: 'laptop',
      to: '${docker1}',
      protocol: 'tcp',
      port: 8000,
      responder: { at: 'busybox', port: 8080 },
      expect: 'answered',
      seenAs: '${laptop}',
    },
    {
      id: 'nobody-listens',
      type: 'reach',
      says: 'a published port behind which nobody listens is refused',
      from: 'laptop',
      to: '${docker1}',
      protocol: 'tcp',
      port: 8000,
      responder: null,
      expect: 'refused',
    },
    {
      id: 'dnat-counted',
      type: 'output',
      says: 'the rule of port 8080 has been used',
      on: 'docker1',
      run: 'iptables -t nat -nvxL DOCKER',
      matches: ['^\\s*[1-9]\\d*\\s+\\d+\\s+DNAT\\s.*tcp dpt:8080 to:172\\.17\\.0\\.3:80$'],
    },
    {
      id: 'no-nat-on-the-bridge',
      type: 'reach',
      says: 'containers of one network see each other as they are',
      from: 'busybox',
      to: 'web',
      protocol: 'tcp',
      port: 80,
      expect: 'answered',
      seenAs: '${busybox}',
    },
    {
      id: 'masqueraded-outside',
      type: 'reach',
      says: "outside, a container is seen with its host's address",
      from: 'web',
      to: 'laptop',
      protocol: 'tcp',
      port: 443,
      expect: 'answered',
      seenAs: '${docker1}',
    },
    {
      id: 'rewritten-at-eth0',
      type: 'wire',
      says: "no packet with a container's address leaves the host",
      at: 'docker1',
      interface: 'eth0',
      filter: 'icmp and host 172.17.0.3',
      during: { on: 'web', run: 'ping -c2 -i0.2 -W1 ${laptop}' },
      seen: false,
    },
    {
      id: 'not-rewritten-at-docker0',
      type: 'wire',
      says: 'on docker0 the packet still has it',
      at: 'docker1',
      interface: 'docker0',
      filter: 'icmp and host 172.17.0.3 and host ${laptop}',
      during: { on: 'web', run: 'ping -c2 -i0.2 -W1 ${laptop}' },
    },
    {
      id: 'localhost-through-the-proxy',
      type: 'reach',
      says: "at the host's 127.0.0.1 docker-proxy answers, and web sees the bridge",
      from: 'docker1',
      to: '127.0.0.1',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web', port: 80 },
      expect: 'answered',
      seenAs: '172.17.0.1',
    },
    {
      id: 'neighbour-by-the-host',
      type: 'reach',
      says: "so it does for a container that asks for the host's address",
      from: 'busybox',
      to: '${docker1}',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'web', port: 80 },
      expect: 'answered',
      seenAs: '172.17.0.1',
    },
    {
      id: 'no-way-to-the-container',
      type: 'reach',
      says: "outside, nobody knows a way to a container's own address",
      from: 'laptop',
      to: '172.17.0.3',
      protocol: 'tcp',
      port: 80,
      responder: { at: 'web' },
      expect: 'no-route',
    },
    {
      id: 'link-state',
      type: 'output',
      says: 'the bridge with containers is UP, the one without is DOWN',
      on: 'docker1',
      run: 'ip -br link show type bridge',
      matches: ['^docker0 +UP ', '^br-[0-9a-f]{12} +DOWN .*NO-CARRIER'],
    },
    {
      id: 'enslaved',
      type: 'output',
      says: "the host's end of web's cable is a port of docker0",
      on: 'docker1',
      run: 'ip link show ${web.peer}',
      matches: ['master docker0 state UP', 'link-netns'],
    },
  ],
  exercises: [
    {
      name: 'deaf-host',
      title: 'It works on the host, and nowhere else',
      symptom: `Since the machine was "hardened", nobody outside reaches the web server on port 8080. An administrator says that it works: on the machine itself, \`127.0.0.1:8080\` answers.`,
      see: { on: 'laptop', run: 'ping -c1 -W1 ${docker1}; true' },
      break: [{ on: 'docker1', run: 'sysctl -qw net.ipv4.ip_forward=0' }],
      hints: [
        'The host answers the ping: it is there. What has to happen to a packet for port 8080 after it has arrived?',
        'DNAT gives it a new destination, on another interface than the one it came in by. The host must be willing to be a router. And who answers on 127.0.0.1?',
        '`cat /proc/sys/net/ipv4/ip_forward` says 0. docker-proxy is a program on the host and needs no forwarding, which is why 127.0.0.1 works.',
      ],
      solution: [{ on: 'docker1', run: 'sysctl -qw net.ipv4.ip_forward=1' }],
      why: `The bridge is an interface of the host, and a packet from eth0 to docker0 is routed like any other. Docker sets \`net.ipv4.ip_forward\` to 1 when it starts, and does not look again:
what sets it back later breaks published ports and the way out of containers alike, and leaves the bridge itself and docker-proxy working.`,
    },
    {
      name: 'one-way-out',
      title: 'Containers reach their host and nothing beyond',
      symptom:
        'After somebody had "cleaned up the firewall", containers cannot reach anything outside. Their host can. From outside, the published ports still work.',
      see: { on: 'web', run: 'ping -c1 -W1 ${laptop}; true' },
      break: [{ on: 'docker1', run: 'iptables -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE' }],
      hints: [
        'Does the packet leave the host? `cnilab capture docker-bridge docker1 --interface eth0 icmp` while the container pings.',
        'It does. Look at its source address. Who outside knows the way back to it?',
        'The packet leaves with 172.17.0.3. The rule that gives it the address of the host is missing: `iptables -t nat -S POSTROUTING`.',
      ],
      solution: [{ on: 'docker1', run: 'iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE' }],
      why: `Nobody outside has a route to 172.17.0.0/16, and every machine with Docker has that network. So answers to a container must come to its host, which is what MASQUERADE arranges. Published
ports do without: their connections begin outside, and connection tracking turns the answers back by itself. A Kubernetes network may not do this between pods.`,
    },
  ],
  today: [
    {
      claim: 'Before the first container, docker0 is down.',
      truth:
        'It is switched on and has no carrier: `ip link` writes NO-CARRIER and state DOWN while no port has one, and UP among the flags all the time. Here `spare` shows it.',
      source: 'https://man7.org/linux/man-pages/man8/ip-link.8.html',
    },
    {
      claim: 'After a link to its folder, `ip netns` lists the namespaces of containers, and `docker inspect` takes their names.',
      truth: `\`docker inspect\` takes a container and tells the path of its namespace (\`NetworkSettings.SandboxKey\`). Without any link, \`nsenter -t PID -n\` enters it, and \`ip netns attach NAME PID\` gives
it a name.`,
      source: 'https://man7.org/linux/man-pages/man8/ip-netns.8.html',
    },
    {
      claim: 'The two ends of a pair are found by parity: the container has the even number, the bridge the odd one.',
      truth:
        'Numbers are given in turn as interfaces are made, and each namespace may count by itself. `@ifN` is what tells: N is the number of the other end.',
      source: 'https://man7.org/linux/man-pages/man4/veth.4.html',
    },
    {
      claim: 'A port is published by `-A DOCKER --dport 80 --to-destination 172.17.0.3:80 -j DNAT`.',
      truth: `A rule with \`--dport\` needs its protocol, and it matches the *published* port: \`! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.3:80\`. Beside the rule a
process listens, docker-proxy.`,
      source: 'https://docs.docker.com/engine/network/port-publishing/',
    },
    {
      claim: 'Once `docker run -p 8000:8080 busybox top` runs, port 8000 answers.',
      truth: '`top` listens on nothing: from outside the connection is refused. Publishing a port starts no server.',
      source: 'https://docs.docker.com/engine/network/port-publishing/',
    },
    {
      claim: "A container's MAC address is 02:42 and its IP address, and beside eth0 there is an interface sit0.",
      truth:
        'The MAC addresses are random since Docker 28; this lab has those of 26. `sit0` is there only where the kernel module sit is loaded, which puts one into every namespace.',
      source: 'https://github.com/moby/moby/pull/48808',
    },
    {
      claim: '`iptables -t nat -nL POSTROUTING` shows that everything from 172.17.0.0/16 is masqueraded.',
      truth:
        'The listing leaves the interfaces out. The rule has `! -o docker0`: from container to container nothing is rewritten. `iptables -t nat -S` shows rules as they are.',
      source: 'https://man7.org/linux/man-pages/man8/iptables.8.html',
    },
    {
      claim: 'Published ports are rules in "the chain DOCKER" (also seen written `iptbales -t nat -nL`).',
      truth: `There are two chains of that name: in the table nat it rewrites, in the table filter it lets pass. The command is \`iptables -t nat -nL\`. The filter side has been rebuilt: Docker 28 has
DOCKER-FORWARD, DOCKER-BRIDGE, DOCKER-CT and DOCKER-INTERNAL in it, and Docker 29 can write nftables instead.`,
      source: 'https://docs.docker.com/engine/network/packet-filtering-firewalls/',
    },
    {
      claim: 'A gist on the web tells how to look into the namespace of a container.',
      truth: 'Two commands of every machine do: `nsenter -t PID -n COMMAND`, or `ip netns attach NAME PID` and then `ip netns exec NAME COMMAND`.',
      source: 'https://man7.org/linux/man-pages/man1/nsenter.1.html',
    },
    {
      claim: 'With minikube, the node is the machine on which Docker runs containers: `minikube ssh`, then `docker run`.',
      truth:
        "That holds where minikube's container runtime is docker; with containerd or CRI-O there is no such daemon on the node, and `crictl` lists its containers.",
      source: 'https://minikube.sigs.k8s.io/docs/handbook/config/',
    },
  ],
};
