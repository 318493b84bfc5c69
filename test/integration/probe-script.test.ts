import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBE_SCRIPT } from '../../constructs/synth/verification/probe-script.ts';
import { outcomeOf, parseEvidence, type ParsedEvidence, type ProbeLine } from '../../engines/kubernetes/evidence.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { AGNHOST_TOOLS } from '../agnhost-tools.ts';
import { lacking } from '../requires.ts';
import { startAgentLab, type AgentLab } from './agent-lab.ts';

/** The first of some programs that is on the PATH, or where a variable says; null when none is. */
function find(names: readonly string[], variable?: string): string | null {
  const said = variable === undefined ? undefined : process.env[variable];
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  const paths = said === undefined ? names.flatMap((name) => folders.map((folder) => join(folder, name))) : [said];
  return paths.find((path) => isExecutable(path)) ?? null;
}
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
function isOpenBsd(path: string): boolean {
  try {
    return execFileSync('sh', ['-c', '"$1" -h 2>&1', '-', path], { encoding: 'utf8' }).includes('OpenBSD');
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout).includes('OpenBSD');
  }
}

const agnhost = find(['agnhost'], 'CNILAB_AGNHOST');
const found = find(['nc.openbsd', 'nc'], 'CNILAB_NC');
const nc = found !== null && isOpenBsd(found) ? found : null;
const busybox = find(['busybox'], 'CNILAB_BUSYBOX');
const shells = [
  { name: 'dash', path: find(['dash']), argv: [] },
  { name: 'bash as POSIX shell', path: find(['bash']), argv: ['--posix'] },
  { name: "busybox' ash", path: busybox, argv: ['sh'] },
].filter((shell) => shell.path !== null);
const why =
  lacking('root') ??
  (agnhost === null ? 'agnhost is not here: set CNILAB_AGNHOST' : null) ??
  (nc === null ? 'the nc of OpenBSD is not here: install netcat-openbsd or set CNILAB_NC' : null) ??
  (find(['curl']) === null ? 'curl is not here' : null);

const CLIENT = { ns: 'client', subnet: 1 };
const RESPONDERS = [
  { ns: 'ra', subnet: 2 },
  { ns: 'rb', subnet: 3 },
  { ns: 'rc', subnet: 4 },
] as const;
const address = (subnet: number, family: 'ipv4' | 'ipv6' = 'ipv4', host: number = 2): string =>
  family === 'ipv4' ? `10.244.${subnet}.${host}` : `fd00:10:244:${subnet}::${host}`;
const FAMILIES = ['ipv4', 'ipv6'] as const;

/** A pod behind a node that routes: every packet between pods passes the node's filters. */
function pod({ ns, subnet }: { readonly ns: string; readonly subnet: number }): readonly Op[] {
  return [
    { op: 'netns', ns },
    {
      op: 'veth',
      ns: 'node',
      name: `v-${ns}`,
      mac: null,
      mtu: 1500,
      master: null,
      hairpin: false,
      peer: { ns, name: 'eth0', mac: `02:00:00:00:00:0${subnet}`, mtu: 1500 },
    },
    ...FAMILIES.flatMap((family): Op[] => {
      const prefixLength = family === 'ipv4' ? 24 : 64;
      const gateway = address(subnet, family, 1);
      return [
        { op: 'address', ns: 'node', dev: `v-${ns}`, address: gateway, prefixLength },
        { op: 'address', ns, dev: 'eth0', address: address(subnet, family), prefixLength },
        { op: 'route', ns, to: family === 'ipv4' ? '0.0.0.0/0' : '::/0', via: gateway, dev: null, onlink: false, type: 'unicast' },
      ];
    }),
  ];
}

describe.skipIf(why !== null)(`the probe script with the tools of agnhost alone${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-script-'));
  const script = join(directory, 'probe.sh');
  const targets = join(directory, 'targets');
  const tools = join(directory, 'bin');
  let lab: AgentLab;
  let runs = 0;

  beforeAll(async () => {
    mkdirSync(tools);
    for (const tool of AGNHOST_TOOLS) {
      const path = tool === 'nc' ? nc : find([tool]);
      if (path !== null) symlinkSync(path, join(tools, tool));
    }
    writeFileSync(script, PROBE_SCRIPT);
    writeFileSync(
      targets,
      RESPONDERS.map(({ ns, subnet }, index) => {
        const both = (host: number): string => FAMILIES.map((family) => address(subnet, family, host)).join(',');
        return `${index}\t${ns}-node\tresponder-${ns}\t${both(2)}\t${both(1)}\t${address(subnet, 'ipv4', 200)}\n`;
      }).join(''),
    );
    lab = await startAgentLab();
    const sysctls = { 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1', 'net/ipv4/icmp_ratelimit': '0', 'net/ipv6/icmp/ratelimit': '0' };
    await lab.apply([
      { op: 'netns', ns: 'node' },
      ...Object.entries(sysctls).map(([key, value]): Op => ({ op: 'sysctl', ns: 'node', key, value })),
      ...[CLIENT, ...RESPONDERS].flatMap(pod),
    ]);
    // As the responders of nodes do: an answer from another address than the one that was asked would not be taken.
    const listen = RESPONDERS.flatMap(({ subnet }) => FAMILIES.map((family) => address(subnet, family, 1))).join(',');
    for (const ns of [...RESPONDERS.map((one) => one.ns), 'node']) {
      await lab.sh(
        ns,
        `nohup unshare -u sh -c 'hostname responder-${ns}; exec ${agnhost} netexec --http-port=7000 --udp-port=7000${ns === 'node' ? ` --udp-listen-addresses=${listen}` : ''}' >/dev/null 2>&1 & echo $! > ${directory}/${ns}.pid`,
      );
      await lab.sh(ns, 'for i in $(seq 100); do curl -sf http://127.0.0.1:7000/healthz && exit; sleep 0.05; done; exit 1');
    }
    // Neighbour discovery has happened, duplicate address detection is over.
    for (const { subnet } of RESPONDERS) for (const family of FAMILIES) await reach(address(subnet, family));
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function reach(to: string): Promise<void> {
    const host = to.includes(':') ? `[${to}]` : to;
    await lab.sh('client', `for i in $(seq 60); do curl -gsf -m 1 http://${host}:7000/healthz && exit; sleep 0.1; done; exit 1`);
  }

  /** A command line that runs the script, and where it writes to. */
  function command(change: Readonly<Record<string, string>>, shell = shells[0]): { readonly line: string; readonly scratch: string } {
    const scratch = join(directory, `scratch-${++runs}`);
    mkdirSync(scratch);
    const environment: Readonly<Record<string, string>> = {
      PATH: tools,
      REQUIREMENT: 'r1',
      NODE: 'ra-node',
      POD: 'probe-pod',
      POD_IPS: FAMILIES.map((family) => address(CLIENT.subnet, family)).join(','),
      OFFSETS: 'all',
      FAMILIES: 'ipv4',
      ATTEMPTS: '2',
      DEADLINE: '2',
      SILENCE: '0.3',
      PARALLEL: '8',
      LIMIT: '9',
      TARGETS: targets,
      SCRATCH: scratch,
      AGNHOST: agnhost ?? '',
      ...change,
    };
    const words = Object.entries(environment).map(([key, value]) => `${key}='${value}'`);
    return { line: ['env -i', ...words, shell?.path, ...(shell?.argv ?? []), script].join(' '), scratch };
  }

  async function run(
    change: Readonly<Record<string, string>> = {},
    ns: string = 'client',
    shell = shells[0],
  ): Promise<ParsedEvidence & { readonly ms: number }> {
    const { line, scratch } = command(change, shell);
    const began = performance.now();
    const log = await lab.sh(ns, `${line} 2>${scratch}/stderr`);
    const ms = performance.now() - began;
    expect(await lab.sh(ns, `cat ${scratch}/stderr`)).toBe('');
    return { ...parseEvidence(log), ms };
  }

  const interfaceNames = (dump: unknown): readonly string[] => (Array.isArray(dump) ? dump.map((one: { readonly ifname?: string }) => one.ifname ?? '') : []);
  const outcomes = (lines: readonly ProbeLine[]): readonly string[] => [...new Set(lines.map((line) => outcomeOf(line).outcome))].toSorted();
  const of = (evidence: ParsedEvidence, kind: ProbeLine['kind'], target?: string): readonly ProbeLine[] =>
    evidence.probes.filter((line) => line.kind === kind && (target === undefined || line.target === target));
  const parts = (seen: string): readonly [string, number] => {
    const at = seen.lastIndexOf(':');
    return [seen.slice(0, at).replaceAll(/[[\]]/g, ''), Number(seen.slice(at + 1))];
  };

  /** Rules of the node for as long as something runs. */
  async function withRules<T>(rules: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const rule of rules) await lab.sh('node', rule);
    try {
      return await work();
    } finally {
      await lab.sh('node', 'iptables -F; iptables -t nat -F; conntrack -F >/dev/null 2>&1 || true');
    }
  }

  it.each(shells)('makes calls and asks questions, and nothing else where no mesh is wanted ($name)', async (shell) => {
    // Gives back whatever it gets, by UDP and TCP: what a DNS server says is nobody's business here.
    const echo = `for (const [kind, on] of [['dgram', (m) => { const s = m.createSocket('udp4'); s.on('message', (b, from) => s.send(b, from.port, from.address)); s.bind(53); }], ['net', (m) => m.createServer((s) => s.pipe(s)).listen(53)]]) on(require('node:' + kind));`;
    writeFileSync(join(directory, 'echo.cjs'), echo);
    await lab.sh('ra', `nohup ${process.execPath} ${directory}/echo.cjs >/dev/null 2>&1 & echo $! > ${directory}/echo.pid; sleep 0.3`);
    try {
      const [server, other] = [address(2), address(3)];
      const [udp, tcp] = [Buffer.from([0, 1, 2, 0, 255, 10]).toString('base64'), Buffer.from([0, 4, 9, 0, 255, 10]).toString('base64')];
      const lines = [
        ['call', 'tcp', other, 7000, 3],
        ['call', 'udp', other, 7000, 2],
        ['call', 'tcp', other, 7001, 1],
        ['ask', 'udp', server, 53, udp],
        ['ask', 'tcp', server, 53, tcp],
        ['ask', 'udp', other, 53, udp],
        ['ask', 'tcp', other, 53, tcp],
        ['resolve', 'ipv4', '-', 0, 'localhost'],
        ['conf', '-', '-', 0, '-'],
      ];
      const calls = join(directory, 'calls');
      writeFileSync(calls, lines.map((line) => `${line.join('\t')}\n`).join(''));
      const evidence = await run({ REQUIREMENT: 'own', POD: 'default/web', MESH: 'no', CALLS: calls, TARGETS: '/nowhere' }, 'client', shell);
      expect(evidence.problems).toEqual([]);
      expect(evidence.views).toEqual([]);
      expect(evidence.done).toMatchObject([{ requirement: 'own', pod: 'default/web', probes: 12, complete: true }]);
      const called = evidence.probes.filter((line) => line.port === 7000);
      expect(called.map(({ kind, protocol, attempt, hostname }) => `${kind} ${protocol} ${attempt} ${hostname}`).toSorted()).toEqual([
        'call tcp 0 responder-rb',
        'call tcp 1 responder-rb',
        'call tcp 2 responder-rb',
        'call udp 0 responder-rb',
        'call udp 1 responder-rb',
      ]);
      expect(outcomes(evidence.probes.filter((line) => line.port === 7001))).toEqual(['refused']);
      const replies = new Map(evidence.replies.map((line) => [`${line.kind} ${line.protocol} ${line.address}`, line]));
      expect(replies.get(`ask udp ${server}`)).toMatchObject({ exit: 0, data: udp, error: '' });
      expect(replies.get(`ask tcp ${server}`)).toMatchObject({ exit: 0, data: tcp, error: '' });
      for (const protocol of ['udp', 'tcp']) expect(replies.get(`ask ${protocol} ${other}`)?.error).toMatch(/refused/i);
      expect(Buffer.from(replies.get('resolve ipv4 -')?.data ?? '', 'base64').toString()).toContain('127.0.0.1');
      expect(replies.get('conf - -')?.exit).toBe(0);
    } finally {
      await lab.sh('ra', `kill $(cat ${directory}/echo.pid)`);
    }
    // Nothing to ask at all ends at once.
    expect((await run({ MESH: 'no' }, 'client', shell)).done).toMatchObject([{ probes: 0, complete: true }]);
  });

  it.each(shells)('tells what both ends saw of a healthy network, in both families ($name)', async (shell) => {
    // Whom the shell before was looking for in vain: when the node gives up, it tells this one, too.
    await lab.sh('node', 'ip neigh flush nud incomplete; ip -6 neigh flush nud incomplete; ip neigh flush nud failed; ip -6 neigh flush nud failed');
    const evidence = await run({ FAMILIES: 'ipv4 ipv6' }, 'client', shell);
    expect(evidence.problems).toEqual([]);
    expect(evidence.done).toMatchObject([{ probes: evidence.probes.length, complete: true, error: '' }]);
    expect(evidence.views).toMatchObject([{ requirement: 'r1', node: 'ra-node', pod: 'probe-pod', podIPs: [address(1), address(1, 'ipv6')] }]);
    expect(JSON.stringify(evidence.views[0]?.interfaces)).toContain(`"local":"${address(1)}"`);
    const both = [...of(evidence, 'mesh'), ...of(evidence, 'self'), ...of(evidence, 'node'), ...of(evidence, 'stream')];
    expect(both).toHaveLength(3 * 8 + 8 + 3 * 8 + 3 * 2);
    for (const line of both) {
      expect(line).toMatchObject({ exit: 0, error: '', echo: line.nonce });
      expect(line.nonce).toMatch(/^[0-9a-f]{8}\d*$/);
      expect(parts(line.seen)).toEqual([line.localAddress, line.localPort]);
      expect(line.localAddress).toBe(address(CLIENT.subnet, line.family));
      if (line.kind === 'mesh' || line.kind === 'stream') expect(line.hostname).toBe(line.target);
      if (line.kind === 'node') expect(line.hostname).toBe('responder-node');
      if (line.protocol === 'tcp') expect(line).toMatchObject({ connects: 1 });
      else expect(line.localPort).toSatisfy((port: number) => port >= 20_000 && port < 30_000);
    }
    expect(of(evidence, 'stream').every((line) => line.bytes === 65_536)).toBe(true);
    const udp = evidence.probes.filter((line) => line.protocol === 'udp');
    expect(new Set(udp.map((line) => line.localPort)).size).toBe(udp.length);
    for (const protocol of ['tcp', 'udp'] as const) {
      const closed = of(evidence, 'closed').filter((line) => line.protocol === protocol);
      expect(closed).toHaveLength(6);
      expect(closed.map((line) => outcomeOf(line))).toEqual(closed.map(() => ({ outcome: 'refused', errno: 111 })));
    }
    expect(of(evidence, 'nobody')).toHaveLength(3);
    expect(outcomes(of(evidence, 'nobody'))).toEqual(['silent']);
  });

  it('takes no longer than its slowest control when nothing is broken', async ({ annotate }) => {
    const { ms, probes } = await run({ ATTEMPTS: '3' });
    expect(probes).toHaveLength(54);
    expect(ms).toBeLessThan(6000);
    await annotate(`54 probes of one pod in ${Math.round(ms)} ms`);
  });

  it('asks from a node for r2, of its own pods alone in profile current, and views for r3', async () => {
    const r2 = await run({ REQUIREMENT: 'r2' }, 'node');
    expect(r2.done).toMatchObject([{ complete: true, probes: 12 }]);
    expect(outcomes(r2.probes)).toEqual(['ok']);
    const names = interfaceNames(r2.views[0]?.interfaces);
    expect(names).toEqual(expect.arrayContaining(['v-ra', 'v-rb', 'v-rc']));
    expect(new Set(names).size).toBe(names.length);
    expect(r2.probes.map((line) => line.localAddress)).toEqual(r2.probes.map((line) => line.address.replace(/2$/, '1')));

    const current = await run({ REQUIREMENT: 'r2', PROFILE: 'current', NODE: 'rb-node' }, 'node');
    expect(new Set(current.probes.map((line) => line.target))).toEqual(new Set(['responder-rb']));

    const sampled = await run({ REQUIREMENT: 'r3', OFFSETS: '0 2', NODE: 'rb-node' });
    expect(new Set(sampled.probes.map((line) => line.target))).toEqual(new Set(['responder-rb', 'responder-ra']));
    const [own, responder] = sampled.views;
    expect(own).toMatchObject({ pod: 'probe-pod', shell: null });
    expect(responder).toMatchObject({ pod: 'responder-rb', podIPs: [address(3), address(3, 'ipv6')], interfaces: null });
    expect(JSON.stringify(responder?.shell)).toContain(address(3));
  });

  it('tells a source port that was changed, though the address was not', async () => {
    const evidence = await withRules([`iptables -t nat -A POSTROUTING -p tcp -d ${address(3)} -j SNAT --to-source ${address(1)}:5000-5999`], () => run());
    for (const line of [...of(evidence, 'mesh', 'responder-rb'), ...of(evidence, 'stream', 'responder-rb')].filter((one) => one.protocol === 'tcp')) {
      expect(line).toMatchObject({ exit: 0, connects: 1 });
      const [seen, port] = parts(line.seen);
      expect(seen).toBe(line.localAddress);
      expect(port).toBeLessThan(6000);
      expect(line.localPort).toBeGreaterThan(6000);
    }
    for (const line of of(evidence, 'mesh', 'responder-ra')) expect(parts(line.seen)).toEqual([line.localAddress, line.localPort]);
  });

  it('tells a source that was changed for UDP alone', async () => {
    const evidence = await withRules([`iptables -t nat -A POSTROUTING -p udp -d ${address(3)} -j SNAT --to-source ${address(3, 'ipv4', 1)}`], () => run());
    const rb = of(evidence, 'mesh', 'responder-rb');
    expect(outcomes(rb)).toEqual(['ok']);
    for (const line of rb) expect(parts(line.seen)[0]).toBe(line.protocol === 'udp' ? address(3, 'ipv4', 1) : address(1));
  });

  it('tells who answered when it is another than was asked', async () => {
    const evidence = await withRules([`iptables -t nat -A PREROUTING -d ${address(3)} -j DNAT --to-destination ${address(4)}`], () => run());
    const rb = of(evidence, 'mesh', 'responder-rb');
    expect(rb).toHaveLength(4);
    expect(new Set(rb.map((line) => line.hostname))).toEqual(new Set(['responder-rc']));
  });

  // A UDP socket is told of ports that are closed alone: other errors are no reason to give up (udp(7)). A router that has no route says so five
  // times at once and then once a second (net.ipv4.route.error_burst): one attempt.
  it.each([
    { fault: 'packets are dropped', rules: [`iptables -A FORWARD -d ${address(3)} -j DROP`], tcp: ['silent', 0], udp: ['silent', 0] },
    { fault: 'packets are rejected', rules: [`iptables -A FORWARD -d ${address(3)} -j REJECT`], tcp: ['refused', 111], udp: ['refused', 111] },
    { fault: 'there is no route', rules: ['ip route del 10.244.3.0/24'], tcp: ['no-route', 101], udp: ['silent', 0] },
    {
      fault: 'the route says unreachable',
      rules: ['ip route del 10.244.3.0/24', 'ip route add unreachable 10.244.3.0/24'],
      tcp: ['unreachable', 113],
      udp: ['silent', 0],
    },
  ])('tells it when $fault, and of the others that they answer', async ({ rules, ...expected }) => {
    const attempt = async (): Promise<Awaited<ReturnType<typeof run>>> =>
      await withRules(rules, async () => {
        try {
          return await run({ REQUIREMENT: 'r3', ATTEMPTS: '1' });
        } finally {
          await lab.sh('node', `ip route replace 10.244.3.0/24 dev v-rb proto kernel scope link src ${address(3, 'ipv4', 1)}`);
        }
      });
    const tcpOf = (found: Awaited<ReturnType<typeof run>>): string | undefined =>
      of(found, 'mesh', 'responder-rb')
        .filter((line) => line.protocol === 'tcp')
        .map((line) => outcomeOf(line).outcome)[0];
    let evidence = await attempt();
    // What the router may say was used up by the tests before this one.
    if (tcpOf(evidence) === 'silent' && expected.tcp[0] !== 'silent') {
      await new Promise((resolve) => setTimeout(resolve, 6000));
      evidence = await attempt();
    }
    const rb = of(evidence, 'mesh', 'responder-rb');
    expect(rb).toHaveLength(2);
    for (const line of rb) {
      const { outcome, errno } = outcomeOf(line);
      expect([line.protocol, outcome, errno]).toEqual([line.protocol, ...expected[line.protocol]]);
    }
    expect(outcomes([...of(evidence, 'mesh', 'responder-ra'), ...of(evidence, 'mesh', 'responder-rc')])).toEqual(['ok']);
    expect(evidence.done).toMatchObject([{ complete: true, probes: evidence.probes.length }]);
  });

  it('tells no route of its own from one that a router lacks: both are no-route', async () => {
    await lab.sh('client', 'ip route del default; ip route add 10.244.2.0/24 via 10.244.1.1');
    try {
      const evidence = await run();
      expect(outcomes(of(evidence, 'mesh', 'responder-rb'))).toEqual(['no-route']);
      expect(outcomes(of(evidence, 'mesh', 'responder-ra'))).toEqual(['ok']);
      expect(outcomes(of(evidence, 'self'))).toEqual(['ok']);
    } finally {
      await lab.sh('client', 'ip route del 10.244.2.0/24; ip route add default via 10.244.1.1');
    }
  });

  it('tells a server that takes connections and says nothing', async () => {
    // The process in the namespace; that of unshare became it.
    await lab.sh('rc', `kill -STOP $(cat ${directory}/rc.pid)`);
    try {
      const evidence = await run();
      const rc = of(evidence, 'mesh', 'responder-rc');
      expect(outcomes(rc.filter((line) => line.protocol === 'tcp'))).toEqual(['stalled']);
      expect(outcomes(rc.filter((line) => line.protocol === 'udp'))).toEqual(['silent']);
      expect(rc.filter((line) => line.protocol === 'tcp').every((line) => line.localAddress === address(1))).toBe(true);
    } finally {
      await lab.sh('rc', `kill -CONT $(cat ${directory}/rc.pid)`);
    }
  });

  it('says why nothing could be probed', async () => {
    const elsewhere = await run({ NODE: 'no-such-node' });
    expect(elsewhere).toMatchObject({ probes: [], done: [{ complete: false, probes: 0, error: 'no-such-node is not among the targets' }] });
    const dumb = await run({ AGNHOST: '/no/such/agnhost', POD_IPS: address(1) });
    expect(outcomes(dumb.probes)).toEqual(['not-run']);
    expect(dumb.probes[0]?.error).toContain('does not answer on 127.0.0.1:7000');
  });

  it('ends on a signal, with all that it started, and says how far it came', async () => {
    const { line, scratch } = command({ DEADLINE: '8' });
    const log = await withRules(
      [`iptables -A FORWARD -d ${address(4)} -j DROP`],
      async () => await lab.sh('client', `${line} >${scratch}/log 2>/dev/null & pid=$!; sleep 2.5; kill -TERM $pid; wait $pid; cat ${scratch}/log`),
    );
    const evidence = parseEvidence(log);
    expect(evidence.problems).toEqual([]);
    expect(evidence.done).toMatchObject([{ complete: false, probes: evidence.probes.length, error: 'ended by a signal' }]);
    expect(outcomes(of(evidence, 'mesh', 'responder-ra'))).toEqual(['ok']);
    const left = await lab.sh(
      'client',
      `sleep 0.3; for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && tr '\\0' ' ' <$p/cmdline && echo; done | grep -c -e [c]url -e [n]etexec -e '[-]u -s ' || true`,
    );
    expect(left.trim()).toBe('0');
  });
});
