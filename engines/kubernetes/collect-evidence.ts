/** What is needed to see why a cluster does not work, in a folder that has a bounded size. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { textWithoutSecrets } from '../../topology/secrets.ts';
import type { KubernetesAccess } from '../port.ts';
import { isReady, type NodeObject, type ObjectList, type PodObject } from './api-objects.ts';
import type { Kubectl } from './kubectl.ts';

const TOTAL_BYTES = 2_000_000;
const FILES = 60;
const FILE_BYTES = 120_000;
const TIME_MS = 20_000;
const COMMAND_MS = 8_000;
/** Commands at once. */
const LANES = 4;
const NODES = 8;
const PODS = 15;

interface Part {
  readonly file: string;
  /** Which end is kept of a text that is too long. */
  readonly keep: 'head' | 'tail';
  readonly read: (signal: AbortSignal) => Promise<string>;
}

/** Shell text for a node: what its kernel does with packets, and what the CNI left on disk. */
const NODE_NETWORK = [
  'ip -details addr',
  'ip rule',
  'ip route show table all',
  'ip -6 route show table all',
  'ip neigh',
  'bridge fdb',
  'for f in /etc/cni/net.d/*; do [ -f "$f" ] && case "$f" in *.conf|*.conflist|*.json) echo "## $f"; cat "$f"; echo;; esac; done',
  'ls -l /opt/cni/bin',
  'sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv6.conf.all.forwarding net.bridge.bridge-nf-call-iptables',
  'iptables-save -c',
  'nft list ruleset',
]
  .map((command) => `echo '# ${command.replaceAll("'", '"')}'; ${command} 2>&1`)
  .join('; ');

/**
 * Writes at most {@link FILES} files of together at most {@link TOTAL_BYTES} bytes: nodes, pods, warnings, descriptions and logs of what is not
 * ready, and, where nodes can be entered, their network state and the end of kubelet's journal. Takes at most {@link TIME_MS}. Never reads a
 * Secret, and takes keys, tokens, passwords and the like out of what it writes. A part that cannot be read is a file that says why.
 *
 * @param directory is created, 0700
 * @returns the files written, relative to `directory`
 * @throws what the file system throws
 */
export async function collectEvidence(access: KubernetesAccess, kubectl: Kubectl, directory: string): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const signal = AbortSignal.timeout(TIME_MS);
  const written: string[] = [];
  let room = TOTAL_BYTES;
  const keep = async (part: Part): Promise<void> => {
    if (written.length >= FILES || room <= 0) return;
    written.push(part.file);
    const text = await part.read(signal).catch((error: unknown) => `could not be read: ${error instanceof Error ? error.message : String(error)}\n`);
    const bytes = cut(textWithoutSecrets(text), Math.min(FILE_BYTES, Math.max(0, room)), part.keep);
    room -= bytes.length;
    await writeFile(join(directory, part.file), bytes, { mode: 0o600 });
  };
  const list = async <T>(what: string): Promise<readonly T[]> => {
    const found = await kubectl.json<ObjectList<T>>(['get', what, '--all-namespaces', '--output=json'], { signal, timeoutMs: COMMAND_MS }).catch(() => null);
    return found?.items ?? [];
  };
  const [nodes, pods] = await Promise.all([list<NodeObject>('nodes'), list<PodObject>('pods')]);
  const parts = [...clusterParts(kubectl), ...podParts(kubectl, pods), ...nodeParts(access, nodes)].values();
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (const part of parts) await keep(part);
    }),
  );
  return written.toSorted();
}

function clusterParts(kubectl: Kubectl): readonly Part[] {
  const part = (file: string, args: readonly string[], end: Part['keep'] = 'head'): Part => ({ file, keep: end, read: printed(kubectl, args) });
  return [
    part('nodes.txt', ['get', 'nodes', '--output=wide']),
    part('pods.txt', ['get', 'pods', '--all-namespaces', '--output=wide']),
    part('events.txt', ['get', 'events', '--all-namespaces', '--sort-by=.metadata.creationTimestamp'], 'tail'),
    part('workloads.txt', ['get', 'daemonsets,deployments,statefulsets,jobs,services', '--all-namespaces', '--output=wide']),
    part('nodes-described.txt', ['describe', 'nodes']),
  ];
}

/** Pods that are not ready first: those are described, too. The others' logs are kept when they belong to the cluster's own network. */
function podParts(kubectl: Kubectl, pods: readonly PodObject[]): readonly Part[] {
  const done = (pod: PodObject): boolean => isReady(pod) || pod.status?.phase === 'Succeeded';
  const own = (pod: PodObject): boolean => pod.spec?.hostNetwork === true || pod.metadata.namespace === 'kube-system';
  const failing = pods.filter((pod) => !done(pod)).slice(0, PODS);
  const others = pods.filter((pod) => done(pod) && own(pod)).slice(0, PODS);
  return [
    ...failing.map((pod) => podPart(kubectl, pod, 'described', ['describe', 'pod', pod.metadata.name])),
    ...[...failing, ...others].map((pod) =>
      podPart(kubectl, pod, 'log', ['logs', pod.metadata.name, '--all-containers', '--prefix', '--tail=150', '--ignore-errors']),
    ),
  ];
}

function podPart(kubectl: Kubectl, { metadata }: PodObject, what: string, args: readonly string[]): Part {
  const namespace = metadata.namespace ?? 'default';
  return { file: `pod-${namespace}-${metadata.name}-${what}.txt`, keep: 'tail', read: printed(kubectl, [...args, '--namespace', namespace]) };
}

function nodeParts(access: KubernetesAccess, nodes: readonly NodeObject[]): readonly Part[] {
  const { onNode } = access;
  if (onNode === null) return [];
  const part = (node: string, what: string, script: string): Part => ({
    file: `node-${node}-${what}.txt`,
    keep: what === 'kubelet' ? 'tail' : 'head',
    read: async (signal) => {
      const result = await onNode(node, ['sh', '-c', script], { timeoutMs: COMMAND_MS, signal });
      return result.stdout + result.stderr;
    },
  });
  return nodes
    .slice(0, NODES)
    .flatMap(({ metadata }) => [part(metadata.name, 'network', NODE_NETWORK), part(metadata.name, 'kubelet', 'journalctl --no-pager -u kubelet -n 300')]);
}

/** What kubectl prints, errors included. */
function printed(kubectl: Kubectl, args: readonly string[]): Part['read'] {
  return async (signal) => {
    const result = await kubectl.run(args, { signal, timeoutMs: COMMAND_MS });
    return result.stdout + result.stderr;
  };
}

function cut(text: string, bytes: number, keep: Part['keep']): Buffer {
  const whole = Buffer.from(text);
  if (whole.length <= bytes) return whole;
  const note = Buffer.from(`\n[cut: ${whole.length} bytes in all]\n`);
  const room = Math.max(0, bytes - note.length);
  return keep === 'head' ? Buffer.concat([whole.subarray(0, room), note]) : Buffer.concat([note, whole.subarray(whole.length - room)]);
}
