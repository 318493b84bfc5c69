/** What Services cost: programming many of them, beside the bare restore commands; and a connection through the last of them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../engines/netns/compile.ts';
import type { Op, Stage } from '../engines/netns/ops.ts';
import { NO_MATERIALS } from '../engines/port.ts';
import { loadEngine } from '../engines/registry.ts';
import { planLab } from '../topology/plan-lab.ts';
import { PROBE_PORT } from '../topology/probing.ts';
import { PROXY_TABLE } from '../topology/services/proxy/nftables-rules.ts';
import type { LabSpec } from '../topology/spec.ts';

export type Mode = 'iptables' | 'nftables';

interface Size {
  readonly nodes: number;
  readonly services: number;
  /** Pods behind each Service. @default 3 */
  readonly endpoints?: number;
}

/** Pods behind each Service, where nothing else is said. */
const ENDPOINTS = 3;
const PORT = 80;

/** Pods of one label by as many as a Service has, one group for every node; Services take the groups in turn. */
function spec({ nodes, services, endpoints = ENDPOINTS }: Size, mode: Mode): LabSpec {
  const pods = Array.from({ length: nodes * endpoints }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${i}`, labels: { group: String(i % nodes) } },
    spec: { containers: [{ name: 'main', image: 'agnhost' }] },
  }));
  const made = Array.from({ length: services }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${i}` },
    spec: { selector: { group: String(i % nodes) }, ports: [{ port: PORT, targetPort: PROBE_PORT }] },
  }));
  return {
    name: `bench-services-${mode}-${services}`,
    clusters: [
      {
        name: 'c1',
        controlPlanes: 1,
        workers: nodes - 1,
        cni: { type: 'flannel' },
        kubeProxy: { mode },
        dns: false,
        objects: [...pods, ...made],
      },
    ],
  };
}

/** Is it what a proxy of a node writes? */
const isProxied = (op: Op): op is Extract<Op, { readonly op: 'rules' | 'nft' }> =>
  (op.op === 'rules' && op.text.includes(':KUBE-SERVICES')) || (op.op === 'nft' && op.table === PROXY_TABLE);

/** The stages of a lab without what its proxies write, and that. */
export function programming(size: Size, mode: Mode): { readonly base: readonly Stage[]; readonly rules: Stage } {
  const stages = compile(planLab(spec(size, mode)));
  return {
    base: stages.map((stage) => ({ ...stage, ops: stage.ops.filter((op) => !isProxied(op)) })),
    rules: { name: 'services', title: 'services', ops: stages.flatMap((stage) => stage.ops.filter(isProxied)) },
  };
}

/** A shell script that restores the same texts by the bare commands, all nodes side by side, from files that it finds in `place`. */
export function bareRestore(rules: Stage, place: string): string {
  const directory = mkdtempSync(join(place, 'rules-'));
  const lines = rules.ops.filter(isProxied).map((op, i) => {
    const file = join(directory, String(i));
    writeFileSync(file, op.text);
    const command = op.op === 'nft' ? `nft -f ${file}` : `${op.family === 'ipv4' ? 'iptables' : 'ip6tables'}-restore --noflush ${file}`;
    return `XTABLES_LOCKFILE=/run/bench.${i}.lock nsenter --net=/run/netns/${op.ns} ${command} &`;
  });
  return [...lines, 'wait'].join('\n');
}

/** Microseconds of a TCP connection from a pod to the last Service of a lab of two nodes: the median. */
export async function connectUs(services: number, mode: Mode, place: string): Promise<number> {
  const plan = planLab(spec({ nodes: 2, services }, mode));
  const directory = mkdtempSync(join(place, 'lab-'));
  const engine = await loadEngine('netns');
  const handle = await engine.create(plan, {
    directory,
    sourceDirectory: place,
    materials: NO_MATERIALS,
    onEvent: () => {},
    onHandle: () => Promise.resolve(),
    signal: new AbortController().signal,
  });
  try {
    const session = await engine.open(handle, plan);
    try {
      const [cluster] = plan.clusters;
      const last = cluster?.services.find((service) => service.name === `service-${services - 1}`);
      const address = last?.clusterIPs[0];
      if (cluster === undefined || address === undefined) throw new Error('the benchmark lab has no such Service');
      const ends = cluster.pods.map((pod) => ({
        id: pod.id,
        kind: 'pod' as const,
        netns: pod.netns,
        addresses: [{ family: 'ipv4' as const, address: pod.interface?.addresses[0]?.address ?? '' }],
      }));
      const door = { ...(ends[0] ?? { id: '', kind: 'pod', netns: '' }), id: 'service', addresses: [{ family: 'ipv4' as const, address }], port: PORT };
      const us: number[] = [];
      await session.probe(
        {
          protocol: 'tcp',
          family: 'ipv4',
          port: PROBE_PORT,
          endpoints: [...ends, door],
          pairs: { kind: 'list', pairs: [[0, ends.length]] },
          attempts: 200,
          deadlineMs: 1000,
          responders: ends.map((_, index) => index),
          conntrack: [],
        },
        (batch) => {
          for (let row = 0; row < batch.length; row++) {
            const record = batch.at(row);
            if (record.outcome !== 'ok') throw new Error(`the benchmark Service does not answer: ${record.outcome}`);
            us.push(record.rttUs);
          }
        },
      );
      return us.toSorted((a, b) => a - b)[Math.floor(us.length / 2)] ?? 0;
    } finally {
      await session.close();
    }
  } finally {
    await engine.destroy(handle, directory);
  }
}
