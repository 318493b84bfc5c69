/** Containers on real kernels: who reaches whom, as whom, by which name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { findDnsServer } from '../../engines/netns/find-servers.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import type { ContainerSpec, DockerSpec, PublishedPortSpec } from '../../topology/docker/docker-spec.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { type AgentLab, startAgentLab } from './agent-lab.ts';

const why = lacking('root', 'dns-server');

/** Answers on TCP and UDP with `NAME SOURCE`. */
const SERVER = `
import net from 'node:net'; import dgram from 'node:dgram'; import { renameSync, writeFileSync } from 'node:fs';
const [name, port, ready] = process.argv.slice(2);
const say = (text) => { writeFileSync(ready + '.part', text); renameSync(ready + '.part', ready); };
net.createServer((socket) => { socket.on('error', () => {}); socket.end(name + ' ' + socket.remoteAddress); }).listen(Number(port), '0.0.0.0', () => {
  const udp = dgram.createSocket('udp4');
  udp.on('message', (_, from) => udp.send(name + ' ' + from.address, from.port, from.address));
  udp.bind(Number(port), () => say(''));
}).on('error', (error) => say(error.code));`;

/** Prints what each \`PROTOCOL ADDRESS PORT\` answers: \`NAME SOURCE\`, the errno, 'closed' or 'timeout'. */
const CLIENT = `
import net from 'node:net'; import dgram from 'node:dgram';
const ask = (protocol, address, port) => new Promise((done) => {
  setTimeout(() => done('timeout'), 1500);
  if (protocol === 'udp') {
    const socket = dgram.createSocket('udp4');
    socket.on('error', (error) => done(error.code)); socket.on('message', (data) => done(String(data)));
    return socket.connect(port, address, () => socket.send('?'));
  }
  const socket = net.connect(port, address);
  socket.on('error', (error) => done(error.code)); socket.on('data', (data) => done(String(data))); socket.on('close', () => done('closed'));
});
console.log(JSON.stringify(await Promise.all(process.argv.slice(2).map((one) => { const [protocol, address, port] = one.split(' '); return ask(protocol, address, Number(port)); }))));
process.exit();`;

const spec = (docker: DockerSpec): LabSpec => ({
  name: 'docker',
  underlay: { cidr: '192.168.50.0/24' },
  hosts: [{ name: 'box', address: '192.168.50.10', docker }],
  outside: { hosts: [{ name: 'laptop', address: '203.0.113.9' }] },
});

class DockerLab implements AsyncDisposable {
  readonly agent: AgentLab;
  #plan: LabPlan;
  readonly #scripts = mkdtempSync(join(tmpdir(), 'cnilab-docker-'));
  #started = 0;

  private constructor(agent: AgentLab, plan: LabPlan) {
    this.agent = agent;
    this.#plan = plan;
    writeFileSync(join(this.#scripts, 'server.mjs'), SERVER);
    writeFileSync(join(this.#scripts, 'client.mjs'), CLIENT);
  }

  static async up(docker: DockerSpec): Promise<DockerLab> {
    const plan = planLab(spec(docker));
    const lab = new DockerLab(await startAgentLab(), plan);
    await lab.agent.apply(compile(plan, options));
    return lab;
  }

  async change(docker: DockerSpec): Promise<void> {
    const to = planLab(spec(docker), { previous: this.#plan });
    const { undo, stages } = reconcile(this.#plan, to, options);
    await this.agent.apply(stages, undo);
    this.#plan = to;
  }

  netns(name: string): string {
    const { machines } = this.#plan;
    return (
      machines.find(({ id }) => id === name)?.netns ?? machines.flatMap(({ docker }) => docker?.containers ?? []).find((one) => one.name === name)?.netns ?? '?'
    );
  }

  async sh(place: string, command: string): Promise<string> {
    return (await this.agent.run(this.netns(place), command)).stdout.trim();
  }

  /** Starts a server; '' or why it cannot listen. */
  async serve(place: string, port: number): Promise<string> {
    const ready = join(this.#scripts, `ready.${String(this.#started++)}`);
    return await this.sh(
      place,
      `setsid ${process.execPath} ${this.#scripts}/server.mjs ${place} ${String(port)} ${ready} </dev/null >/dev/null 2>&1 & until [ -e ${ready} ]; do sleep 0.02; done; cat ${ready}`,
    );
  }

  async ask(place: string, ...questions: readonly string[]): Promise<readonly string[]> {
    return JSON.parse(
      await this.sh(place, `${process.execPath} ${this.#scripts}/client.mjs ${questions.map((one) => `'${one}'`).join(' ')}`),
    ) as readonly string[];
  }

  /** The packet filter without counters. */
  async rules(): Promise<string> {
    return (await this.sh('box', 'iptables-save')).replaceAll(/^#.*$|\[\d+:\d+\]/gm, '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    rmSync(this.#scripts, { recursive: true, force: true });
  }
}

const options = { dnsServer: findDnsServer() ?? undefined };
const published = (hostPort: number, containerPort: number, more: Partial<PublishedPortSpec> = {}): readonly PublishedPortSpec[] => [
  { hostPort, containerPort, ...more },
];

describe.skipIf(why !== null)(`containers as Docker attaches them${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('published ports keep the source, and lead in by localhost, the own host and a neighbour through the proxy', async () => {
    await using lab = await DockerLab.up({
      containers: [
        { name: 'web', ports: published(8080, 80) },
        { name: 'dns', ports: published(5353, 53, { protocol: 'udp' }) },
        { name: 'inner', ports: published(9000, 90, { listenAddress: '127.0.0.1' }) },
        { name: 'silent', ports: published(8000, 8000) },
      ],
    });
    for (const [name, port] of [
      ['web', 80],
      ['dns', 53],
      ['inner', 90],
    ] as const)
      expect(await lab.serve(name, port)).toBe('');
    await lab.serve('laptop', 7);
    await lab.serve('box', 7);
    const box = '192.168.50.10';
    expect(await lab.ask('laptop', `tcp ${box} 8080`, `udp ${box} 5353`, `tcp ${box} 9000`, `tcp ${box} 8000`, 'tcp 172.17.0.2 80')).toEqual([
      'web 203.0.113.9',
      'dns 203.0.113.9',
      'ECONNREFUSED',
      'ECONNREFUSED',
      'ENETUNREACH',
    ]);
    expect(await lab.ask('box', `tcp ${box} 8080`, 'tcp 127.0.0.1 8080', 'tcp 127.0.0.1 9000', 'udp 127.0.0.1 5353', 'tcp 172.17.0.2 80')).toEqual([
      `web ${box}`,
      'web 172.17.0.1',
      'inner 172.17.0.1',
      'dns 172.17.0.1',
      'web 172.17.0.1',
    ]);
    // A neighbour, and the container itself.
    expect(await lab.ask('dns', `tcp ${box} 8080`, 'tcp 172.17.0.2 80', 'tcp 203.0.113.9 7', `tcp ${box} 7`)).toEqual([
      'web 172.17.0.1',
      'web 172.17.0.3',
      `laptop ${box}`,
      'box 172.17.0.3',
    ]);
    expect(await lab.ask('web', `tcp ${box} 8080`)).toEqual(['web 172.17.0.1']);
  });

  it('none is alone, host is the host, container:NAME is that container, and networks are apart', async () => {
    await using lab = await DockerLab.up({
      networks: [{ name: 'shop' }],
      containers: [
        { name: 'alone', network: 'none' },
        { name: 'one', network: 'host' },
        { name: 'two', network: 'host' },
        { name: 'web' },
        { name: 'side', network: 'container:web' },
        { name: 'db', network: 'shop', ports: published(5432, 5432) },
      ],
    });
    expect(await lab.sh('alone', 'ip -o link | wc -l; ip route')).toBe('1');
    expect(await lab.serve('alone', 1)).toBe('');
    expect(await lab.ask('alone', 'tcp 127.0.0.1 1', 'tcp 172.17.0.2 80')).toEqual(['alone 127.0.0.1', 'ENETUNREACH']);
    expect(await lab.serve('one', 8080)).toBe('');
    expect(await lab.serve('two', 8080)).toBe('EADDRINUSE');
    // The published port of another container is taken, too.
    expect(await lab.serve('two', 5432)).toBe('EADDRINUSE');
    expect(await lab.ask('laptop', 'tcp 192.168.50.10 8080')).toEqual(['one 203.0.113.9']);
    await lab.serve('web', 80);
    await lab.serve('db', 5432);
    expect(await lab.ask('side', 'tcp 127.0.0.1 80', 'tcp 172.18.0.2 5432', 'tcp 192.168.50.10 5432')).toEqual(['web 127.0.0.1', 'timeout', 'db 172.18.0.1']);
    expect(await lab.ask('db', 'tcp 172.17.0.2 80')).toEqual(['timeout']);
    expect(await lab.ask('laptop', 'tcp 192.168.50.10 5432')).toEqual(['db 203.0.113.9']);
    expect(await lab.sh('box', 'ip -br link show type bridge | wc -l; cat /proc/sys/net/ipv4/ip_forward')).toBe('2\n1');
  });

  it('names and aliases are known in a user-defined network, and follow as containers come and go', async () => {
    const networks = [{ name: 'shop' }, { name: 'quiet' }];
    const front = { name: 'front', network: 'shop' };
    const db = (n: number): ContainerSpec => ({ name: `db${String(n)}`, network: 'shop', aliases: ['db'] });
    const others = [{ name: 'web' }, { name: 'far', network: 'quiet' }];
    await using lab = await DockerLab.up({ networks, containers: [front, db(1), ...others] });
    const before = await lab.rules();
    const hosts = async (place: string, name: string): Promise<string> => await lab.sh(place, `getent ahostsv4 ${name} | awk '{print $1}' | sort -u | xargs`);
    expect(await lab.sh('front', 'cat /etc/resolv.conf')).toBe('nameserver 127.0.0.11\noptions ndots:0');
    expect(await lab.sh('web', 'cat /etc/hosts')).toMatch(/^127\.0\.0\.1 localhost\n172\.17\.0\.2 [0-9a-f]{12}$/);
    expect([await hosts('front', 'db1'), await hosts('front', 'db'), await hosts('front', 'db1.shop'), await hosts('front', 'far')]).toEqual([
      '172.18.0.3',
      '172.18.0.3',
      '172.18.0.3',
      '',
    ]);
    expect([await hosts('web', 'db1'), await hosts('far', 'db1'), await hosts('far', 'far')]).toEqual(['', '', '172.19.0.2']);

    await lab.change({ networks, containers: [front, db(1), db(2), ...others] });
    expect([await hosts('front', 'db2'), await hosts('front', 'db')]).toEqual(['172.18.0.4', '172.18.0.3 172.18.0.4']);
    expect(await lab.sh('front', 'ping -c1 -W1 db2 | grep -c ttl=64')).toBe('1');

    await lab.change({ networks, containers: [front, db(2), ...others.map((one) => ({ ...one, ports: published(one.name === 'web' ? 80 : 81, 80) }))] });
    expect([await hosts('front', 'db1'), await hosts('front', 'db')]).toEqual(['', '172.18.0.4']);
    await lab.serve('far', 80);
    expect(await lab.ask('laptop', 'tcp 192.168.50.10 81')).toEqual(['far 203.0.113.9']);
    expect(await lab.sh('box', 'ip -br link show master docker0 | wc -l')).toBe('1');

    await lab.change({ networks, containers: [front, db(1), ...others] });
    expect(await lab.rules()).toBe(before);
    expect(await lab.sh('box', 'ss -Hlnt')).toBe('');
    await lab.change({ containers: [] });
    // Its cable to the switch is left, and a bridge without a carrier.
    expect(await lab.sh('box', 'ip -br link show type veth | wc -l')).toBe('1');
    expect(await lab.sh('box', 'ip -br link show type bridge')).toMatch(/^docker0 .*(?<!LOWER_UP)>$/);
    expect(await lab.sh('laptop', 'ip netns | grep -c docker || true')).toBe('0');
  });
});
