/**
 * The builder that cnilab is measured against: the same ops as one shell per namespace with `ip -batch`, four namespaces at a time, entered by
 * nsenter on the bind-mounted namespace (the fastest way without FFI). It makes the same end state, sysctls and packet filter included.
 */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Op, Stage } from '../engines/netns/ops.ts';

const exec = promisify(execFile);

interface Script {
  sysctls: string[];
  ip: string[];
  bridge: string[];
  rules: { readonly tool: string; readonly text: string }[];
}

function lines(op: Op, into: Script): void {
  switch (op.op) {
    case 'sysctl':
      into.sysctls.push(`echo '${op.value}' > /proc/sys/${op.key}`);
      break;
    case 'bridge':
      into.ip.push(`link add ${op.name} address ${op.mac} mtu ${op.mtu} type bridge`, `link set ${op.name} up`);
      break;
    case 'veth':
      into.ip.push(
        `link add ${op.name} ${op.mac === null ? '' : `address ${op.mac}`} mtu ${op.mtu} type veth peer name ${op.peer.name} netns ${op.peer.ns} address ${op.peer.mac} mtu ${op.peer.mtu}`,
        `link set ${op.name} ${op.master === null ? '' : `master ${op.master}`} up`,
      );
      break;
    case 'vxlan':
      into.ip.push(
        `link add ${op.name} address ${op.mac} mtu ${op.mtu} type vxlan id ${op.vni} dstport ${op.port} local ${op.local} dev ${op.dev} ${op.learning ? '' : 'nolearning'}`,
        `link set ${op.name} up`,
      );
      break;
    case 'address':
      into.ip.push(`address add ${op.address}/${op.prefixLength} dev ${op.dev}`);
      break;
    case 'route':
      into.ip.push(
        op.type === 'blackhole'
          ? `route add blackhole ${op.to}`
          : `route add ${op.to} ${op.via === null ? '' : `via ${op.via}`} ${op.dev === null ? '' : `dev ${op.dev}`} ${op.onlink ? 'onlink' : ''}`,
      );
      break;
    case 'neigh':
      into.ip.push(`neigh add ${op.address} lladdr ${op.mac} dev ${op.dev} nud permanent`);
      break;
    case 'fdb':
      into.bridge.push(`fdb add ${op.mac} dev ${op.dev} dst ${op.dst} self permanent`);
      break;
    case 'rules':
      into.rules.push({ tool: op.family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore', text: op.text });
      break;
    case 'netns':
      break;
    default:
      throw new Error(`the reference builder has no ${op.op}`);
  }
}

/** The links' other ends are brought up by whoever owns the namespace they are made in, before what is put on them. */
function peersUp(ops: readonly Op[]): ReadonlyMap<string, readonly string[]> {
  const up = new Map<string, string[]>();
  for (const op of ops) if (op.op === 'veth') up.set(op.peer.ns, [...(up.get(op.peer.ns) ?? []), `link set ${op.peer.name} up`]);
  return up;
}

const heredoc = (command: string, text: readonly string[]): string => (text.length === 0 ? '' : `${command} <<'EOT'\n${text.join('\n')}\nEOT\n`);

/** Builds the stages; returns milliseconds. Call inside a private mount namespace with an own /run. */
export async function buildByIpBatch(stages: readonly Stage[]): Promise<number> {
  const ops = stages.flatMap((s) => s.ops);
  const names = ops.flatMap((op) => (op.op === 'netns' ? [op.ns] : []));
  const makers = new Set(ops.flatMap((op) => (op.op === 'veth' ? [op.ns] : [])));
  const round = (ns: string): number => (ns === 'fabric' ? 0 : makers.has(ns) ? 1 : 2);
  const up = peersUp(ops);
  const scripts = new Map(names.map((ns): [string, Script] => [ns, { sysctls: [], ip: ['link set lo up', ...(up.get(ns) ?? [])], bridge: [], rules: [] }]));
  for (const op of ops) {
    const script = 'ns' in op ? scripts.get(op.ns) : undefined;
    if (script !== undefined) lines(op, script);
  }
  const started = performance.now();
  execFileSync('ip', ['-batch', '-'], { input: names.map((ns) => `netns add ${ns}`).join('\n') });
  for (const wanted of [0, 1, 2]) {
    const queue = names.filter((ns) => round(ns) === wanted);
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let ns = queue.shift(); ns !== undefined; ns = queue.shift()) {
          const script = scripts.get(ns);
          if (script === undefined) continue;
          // Sysctls that are copied to new links come before the links, as in cnilab's own order; those of a link after it.
          const early = script.sysctls.filter((s) => !/(conf|neigh)\/(cali|veth)/.test(s));
          const late = script.sysctls.filter((s) => /(conf|neigh)\/(cali|veth)/.test(s));
          const text = [
            ...early,
            heredoc('ip -batch -', script.ip),
            ...late,
            heredoc('bridge -batch -', script.bridge),
            ...script.rules.map((r) => heredoc(`${r.tool} --noflush`, r.text.split('\n'))),
          ].join('\n');
          const child = exec('nsenter', [`--net=/run/netns/${ns}`, 'sh', '-e', '-s'], { maxBuffer: 1 << 24 });
          child.child.stdin?.end(text);
          await child;
        }
      }),
    );
  }
  return performance.now() - started;
}
