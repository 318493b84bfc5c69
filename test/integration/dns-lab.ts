/** A lab with a cluster's DNS in a holder of its own, and a way to ask it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../../engines/netns/compile.ts';
import type { DnsServer } from '../../engines/netns/dns/compile.ts';
import { findProgram } from '../../engines/executables.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan, PodPlan } from '../../topology/plan.ts';
import type { DnsType } from '../../topology/services/dns-records.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { type AgentLab, startAgentLab } from './agent-lab.ts';

/** RFC 1035 in small: asks each question, one after the other, and prints a JSON list of `RCODE data data …`, data sorted. */
const CLIENT = `
import net from 'node:net'; import dgram from 'node:dgram';
const TYPES = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 };
const CODES = { 0: 'NOERROR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED' };
function query(name, type) {
  const labels = name.split('.').filter((l) => l !== '').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
  return Buffer.concat([Buffer.from([7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, TYPES[type], 0, 1])]);
}
function nameAt(message, at) {
  const labels = [];
  for (let end = null; ; ) {
    const length = message[at];
    if (length >= 192) { end ??= at + 2; at = message.readUInt16BE(at) & 0x3fff; continue; }
    if (length === 0) return [labels.join('.'), end ?? at + 1];
    labels.push(message.toString('latin1', at + 1, at + 1 + length)); at += 1 + length;
  }
}
function read(message) {
  let [, at] = nameAt(message, 12);
  at += 4;
  const answers = [];
  for (let n = message.readUInt16BE(6); n > 0; n -= 1) {
    [, at] = nameAt(message, at);
    const [type, ttl, length] = [message.readUInt16BE(at), message.readUInt32BE(at + 4), message.readUInt16BE(at + 8)];
    at += 10;
    const data = message.subarray(at, at + length);
    const text = type === 1 ? data.join('.') : type === 28 ? data.toString('hex') : type === 16 ? data.toString('latin1', 1)
      : type === 33 ? [data.readUInt16BE(0), data.readUInt16BE(2), data.readUInt16BE(4), nameAt(message, at + 6)[0]].join('/') : nameAt(message, at)[0];
    answers.push(ttl === 30 ? text : text + ' ttl ' + ttl);
    at += length;
  }
  return [CODES[message[3] & 15] ?? 'RCODE' + (message[3] & 15), ...answers.sort()].join(' ');
}
const ask = ({ server, protocol, name, type }) => new Promise((done) => {
  const timer = setTimeout(() => done('timeout'), 1500);
  const end = (said) => { clearTimeout(timer); done(said); };
  const message = query(name, type);
  if (protocol === 'udp') {
    const socket = dgram.createSocket(server.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', (error) => end(error.code)); socket.on('message', (data) => { socket.close(); end(read(data)); });
    socket.connect(53, server, () => socket.send(message));
  } else {
    const socket = net.connect({ host: server, port: 53 }); let got = Buffer.alloc(0);
    socket.on('error', (error) => end(error.code));
    socket.on('data', (data) => {
      got = Buffer.concat([got, data]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) { socket.destroy(); end(read(got.subarray(2))); }
    });
    socket.write(Buffer.concat([Buffer.from([0, message.length]), message]));
  }
});
const out = [];
for (const question of JSON.parse(process.argv[2])) out.push(await ask(question));
console.log(JSON.stringify(out)); process.exit();`;

/** Asks every 5 ms for as long as the file is there, and prints how long the longest silence was, in ms. */
const WATCH = `
import dgram from 'node:dgram'; import { existsSync } from 'node:fs';
const [server, file, query] = process.argv.slice(2);
let last = performance.now(), longest = 0;
const socket = dgram.createSocket('udp4');
socket.on('error', () => {});
socket.on('message', () => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; });
const timer = setInterval(() => {
  if (existsSync(file)) return socket.send(Buffer.from(query, 'hex'), 53, server, () => {});
  clearInterval(timer); console.log(Math.round(Math.max(longest, performance.now() - last))); process.exit();
}, 5);`;

export interface DnsQuestionOf {
  readonly server: string;
  readonly protocol?: 'udp' | 'tcp';
  readonly name: string;
  readonly type?: DnsType;
}

export interface DnsLab extends AsyncDisposable {
  readonly lab: AgentLab;
  plan(): LabPlan;
  pods(app: string): readonly PodPlan[];
  ask(netns: string, ...questions: readonly DnsQuestionOf[]): Promise<readonly string[]>;
  /** Longest time without an answer while `work` is done, in ms. */
  silence(netns: string, server: string, work: () => Promise<void>): Promise<number>;
  change(spec: LabSpec): Promise<void>;
}

/** The server of that kind on this machine; null when there is none. */
export function serverOf(kind: DnsServer['kind']): DnsServer | null {
  const named = kind === 'coredns' ? (process.env['CNILAB_COREDNS'] ?? '') : '';
  const program = named === '' ? findProgram([kind]) : named;
  return program === null ? null : { kind, program };
}

export async function startDnsLab(spec: LabSpec, dnsServer: DnsServer, rootless = false): Promise<DnsLab> {
  const scripts = mkdtempSync(join(tmpdir(), 'cnilab-dns-'));
  writeFileSync(join(scripts, 'client.mjs'), CLIENT);
  writeFileSync(join(scripts, 'watch.mjs'), WATCH);
  const lab = await startAgentLab({ rootless });
  const options = { dnsServer, rootless };
  let plan = planLab(spec);
  await lab.apply(compile(plan, options));
  return {
    lab,
    plan: () => plan,
    pods: (app) => plan.clusters.flatMap((cluster) => cluster.pods.filter((pod) => pod.labels['app'] === app || pod.labels['k8s-app'] === app)),
    async ask(netns, ...questions) {
      const full = questions.map((question) => ({ protocol: 'udp', type: 'A', ...question }));
      return JSON.parse(await lab.sh(netns, `${process.execPath} ${scripts}/client.mjs '${JSON.stringify(full)}'`)) as readonly string[];
    },
    async silence(netns, server, work) {
      const [file, out] = [join(scripts, 'watching'), join(scripts, 'silence')];
      writeFileSync(file, '');
      // TXT dns-version.cluster.local
      const query = `070701000001000000000000${Buffer.from('\x0bdns-version\x07cluster\x05local\0\0\x10\0\x01', 'latin1').toString('hex')}`;
      await lab.sh(netns, `setsid ${process.execPath} ${scripts}/watch.mjs ${server} ${file} ${query} </dev/null >${out} 2>&1 & sleep 0.3`);
      await work();
      rmSync(file);
      return Number(await lab.sh(netns, `until [ -s ${out} ]; do sleep 0.02; done; cat ${out}`));
    },
    async change(next) {
      const to = planLab(next, { previous: plan });
      const delta = reconcile(plan, to, options);
      await lab.apply(delta.stages, delta.undo);
      plan = to;
    },
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      rmSync(scripts, { recursive: true, force: true });
    },
  };
}
