/** A lab with Services in a holder of its own: pods that answer with their name and the address they saw, and a way to ask from anywhere. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../../engines/netns/compile.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import type { Family, KubernetesObject, LabSpec, ProxyMode } from '../../topology/spec.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan, PodPlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { type AgentLab, startAgentLab } from './agent-lab.ts';

/** Answers on TCP and UDP port 8080 with `NAME SOURCE`; a line on a connection is answered with `NAME LINE`. Ends with the holder. */
const SERVER = `
import net from 'node:net'; import dgram from 'node:dgram'; import { writeFileSync } from 'node:fs';
const [name, family, ready] = process.argv.slice(2);
const host = family === 'ipv6' ? '::' : '0.0.0.0';
const plain = (address) => address.replace('::ffff:', '');
net.createServer((socket) => {
  socket.on('error', () => {}); socket.write(name + ' ' + plain(socket.remoteAddress ?? '') + '\\n');
  socket.on('data', (data) => socket.write(name + ' ' + data));
}).listen(8080, host, () => {
  const udp = dgram.createSocket(family === 'ipv6' ? 'udp6' : 'udp4');
  udp.on('message', (_, from) => udp.send(name + ' ' + plain(from.address), from.port, from.address));
  udp.bind(8080, host, () => writeFileSync(ready, ''));
});`;

/** Prints a JSON object: per question a list of `NAME SOURCE`, errno, or "timeout". One question after the other, its attempts at once. */
const CLIENT = `
import net from 'node:net'; import dgram from 'node:dgram';
const tcp = ({ address, port, timeoutMs }) => new Promise((done) => {
  const socket = net.connect({ host: address, port });
  const end = (said) => { socket.destroy(); done(said); };
  socket.setTimeout(timeoutMs, () => end('timeout')); socket.on('error', (error) => end(error.code)); socket.on('data', (data) => end(String(data).trim()));
});
const udp = ({ address, port, from, timeoutMs }) => new Promise((done) => {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const timer = setTimeout(() => end('timeout'), timeoutMs);
  const end = (said) => { clearTimeout(timer); socket.close(); done(said); };
  socket.on('error', (error) => end(error.code)); socket.on('message', (data) => end(String(data)));
  socket.bind(from, () => socket.connect(port, address, () => socket.send('?')));
});
const answers = {};
for (const [name, question] of Object.entries(JSON.parse(process.argv[2])))
  answers[name] = await Promise.all(Array.from({ length: question.count }, () => (question.protocol === 'udp' ? udp : tcp)(question)));
console.log(JSON.stringify(answers));`;

/** Keeps one TCP connection and writes each answer to a file; `closed` when it ends. */
const HOLD = `
import net from 'node:net'; import { appendFileSync } from 'node:fs';
const [address, port, file] = process.argv.slice(2);
const socket = net.connect({ host: address, port: Number(port) });
const end = () => { appendFileSync(file, 'closed\\n'); process.exit(); };
socket.on('error', end); socket.on('close', end); socket.on('data', (data) => appendFileSync(file, data));
setInterval(() => socket.write('tick\\n'), 25);`;

export interface Question {
  readonly protocol?: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly count?: number;
  /** UDP: source port. */
  readonly from?: number;
  readonly timeoutMs?: number;
}

export interface ServicesLab extends AsyncDisposable {
  readonly lab: AgentLab;
  plan(): LabPlan;
  cluster(): ClusterPlan;
  service(name: string): ServicePlan;
  /** Pods of a workload. */
  pods(app: string): readonly PodPlan[];
  /** Starts the server in pods that have none yet. */
  serve(): Promise<void>;
  ask(netns: string, question: Question): Promise<readonly string[]>;
  /** Several from one place, which takes one process only. */
  askAll<K extends string>(netns: string, questions: Readonly<Record<K, Question>>): Promise<Readonly<Record<K, readonly string[]>>>;
  /** Opens a connection that stays, and gives what it heard so far, line by line. */
  hold(netns: string, address: string, port: number): Promise<() => readonly string[]>;
  /** Plans the new objects and workloads with the running plan as second input, and makes the running lab that one. */
  change(spec: LabSpec): Promise<void>;
}

/** Address of a machine or pod. */
export function addressOf(of: { readonly interfaces: LabPlan['machines'][number]['interfaces'] } | PodPlan, family: Family): string {
  const addresses = 'interfaces' in of ? of.interfaces[0]?.addresses : of.interface?.addresses;
  return addresses?.find((a) => a.family === family)?.address ?? '';
}

export function clusterIPOf(service: ServicePlan, family: Family): string {
  return service.clusterIPs.find((address) => address.includes(':') === (family === 'ipv6')) ?? '';
}

export async function startServicesLab(spec: LabSpec): Promise<ServicesLab> {
  const scripts = mkdtempSync(join(tmpdir(), 'cnilab-services-'));
  writeFileSync(join(scripts, 'server.mjs'), SERVER);
  writeFileSync(join(scripts, 'client.mjs'), CLIENT);
  writeFileSync(join(scripts, 'hold.mjs'), HOLD);
  const lab = await startAgentLab();
  const serving = new Set<string>();
  let held = 0;
  let plan = planLab(spec);
  await lab.apply(compile(plan));

  const services: ServicesLab = {
    lab,
    plan: () => plan,
    cluster: () => {
      const [cluster] = plan.clusters;
      if (cluster === undefined) throw new Error('no cluster');
      return cluster;
    },
    service: (name) => {
      const found = services.cluster().services.find((s) => s.name === name);
      if (found === undefined) throw new Error(`no Service ${name}`);
      return found;
    },
    pods: (app) => services.cluster().pods.filter((pod) => pod.labels['app'] === app),
    async serve() {
      const family = plan.families.includes('ipv6') ? 'ipv6' : 'ipv4';
      const silent = services.cluster().pods.filter((pod) => pod.interface !== null && !serving.has(pod.netns));
      for (const [index, { netns, name }] of silent.entries()) {
        serving.add(netns);
        const ready = join(scripts, `ready.${netns}`);
        await lab.sh(netns, `setsid ${process.execPath} ${scripts}/server.mjs ${name} ${family} ${ready} </dev/null >/dev/null 2>&1 &`);
        if (index === silent.length - 1)
          await lab.sh(netns, `for f in ${silent.map((pod) => join(scripts, `ready.${pod.netns}`)).join(' ')}; do until [ -e $f ]; do sleep 0.02; done; done`);
      }
    },
    async askAll(netns, questions) {
      const defaults = { protocol: 'tcp', count: 1, from: 0, timeoutMs: 1500 };
      const full = Object.fromEntries(Object.entries<Question>(questions).map(([name, question]) => [name, { ...defaults, ...question }]));
      return JSON.parse(await lab.sh(netns, `${process.execPath} ${scripts}/client.mjs '${JSON.stringify(full)}'`)) as never;
    },
    ask: async (netns, question) => (await services.askAll(netns, { it: question })).it,
    async hold(netns, address, port) {
      const file = join(scripts, `held.${held++}`);
      writeFileSync(file, '');
      await lab.sh(
        netns,
        `setsid ${process.execPath} ${scripts}/hold.mjs ${address} ${port} ${file} </dev/null >/dev/null 2>&1 & until [ -s ${file} ]; do sleep 0.02; done`,
      );
      return () => readFileSync(file, 'utf8').trim().split('\n');
    },
    async change(next) {
      const to = planLab(next, { previous: plan });
      const delta = reconcile(plan, to);
      await lab.apply(delta.stages, delta.undo);
      plan = to;
    },
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      rmSync(scripts, { recursive: true, force: true });
    },
  };
  return services;
}

/** One control plane, two workers, a host beside them. */
export function servicesSpec(
  mode: ProxyMode,
  objects: readonly KubernetesObject[],
  workloads: NonNullable<LabSpec['clusters']>[number]['workloads'],
  dual: boolean,
): LabSpec {
  return {
    name: 'services',
    hosts: [{ name: 'outside' }],
    ...(dual ? { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } } : {}),
    clusters: [
      {
        name: 'c1',
        workers: 2,
        cni: { type: 'flannel' },
        dns: false,
        kubeProxy: { mode },
        ...(dual ? { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] } : {}),
        objects,
        workloads: workloads ?? [],
      },
    ],
  };
}
