/** Whether kube-proxy has programmed what it was told, by its own metrics. */
import { describe, expect, it } from 'vitest';
import { awaitProxies, hasProgrammed } from '../../engines/kubernetes/await-proxies.ts';
import type { CommandResult } from '../../engines/port.ts';
import { recordedFacts } from './kubernetes-fixture.ts';

/** As kube-proxy 1.34 writes them; the times are those of a node that was behind. */
const metrics = (
  queued: number,
  synced: number,
  family = '{ip_family="IPv4"}',
): string => `# TYPE kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds gauge
kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds${family} ${queued}
kubeproxy_sync_proxy_rules_last_timestamp_seconds${family} ${synced}
`;
const BEHIND = metrics(1.7953452324854457e9, 1.7953451994201438e9);
const DONE = metrics(1.7953452324854457e9, 1.7953452499e9);

describe('kube-proxy', () => {
  it('has programmed what it was told when its last sync is not older than the last that was asked for', () => {
    expect(hasProgrammed(BEHIND, ['ipv4'])).toBe(false);
    expect(hasProgrammed(DONE, ['ipv4'])).toBe(true);
    expect(hasProgrammed(metrics(2, 1, ''), ['ipv4'])).toBe(false);
  });
  it('is asked of the families of the cluster, and not waited for where it does not tell', () => {
    expect(hasProgrammed(BEHIND, ['ipv6'])).toBe(true);
    expect(hasProgrammed(DONE + metrics(2, 1, '{ip_family="IPv6"}'), ['ipv4'])).toBe(true);
    expect(hasProgrammed(DONE + metrics(2, 1, '{ip_family="IPv6"}'), ['ipv4', 'ipv6'])).toBe(false);
    expect(hasProgrammed('', ['ipv4'])).toBe(true);
  });
});

describe('waiting for kube-proxy', () => {
  const facts = { ...recordedFacts(), families: ['ipv4'] as const, proxyMode: 'iptables' as const };
  const [first = '', ...others] = facts.nodes.map(({ name }) => name);
  const signal = new AbortController().signal;
  const said = (stdout: string, exitCode = 0): CommandResult => ({ exitCode, stdout, stderr: '' });

  it('asks a node until it is done, and each of the others once', async () => {
    const asked: string[] = [];
    const onNode = async (node: string): Promise<CommandResult> => {
      asked.push(node);
      return await Promise.resolve(said(node === first && asked.filter((one) => one === first).length < 3 ? BEHIND : DONE));
    };
    expect(await awaitProxies({ onNode, slowness: 0.01 }, facts, signal)).toEqual([]);
    expect(asked.toSorted()).toEqual([first, first, first, ...others].toSorted());
  });
  it('gives a node up after its time, and names it', async () => {
    const onNode = async (node: string): Promise<CommandResult> => await Promise.resolve(said(node === first ? BEHIND : DONE));
    expect(await awaitProxies({ onNode, slowness: 0.001 }, facts, signal)).toEqual([first]);
  });
  it('does not wait for nodes that cannot be asked or are not ready, nor where there is no kube-proxy', async () => {
    const never = { onNode: async () => await Promise.resolve(said('', 7)) };
    expect(await awaitProxies(never, facts, signal)).toEqual([]);
    expect(await awaitProxies({ onNode: async () => await Promise.reject(new Error('ssh is gone')) }, facts, signal)).toEqual([]);
    const behind = { onNode: async () => await Promise.resolve(said(BEHIND)) };
    expect(await awaitProxies(behind, { ...facts, proxyMode: 'none' }, signal)).toEqual([]);
    expect(await awaitProxies(behind, { ...facts, nodes: facts.nodes.map((node) => ({ ...node, ready: false })) }, signal)).toEqual([]);
    expect(await awaitProxies({ onNode: null }, facts, signal)).toEqual([]);
  });
  it('ends when it is interrupted', async () => {
    const end = new AbortController();
    const onNode = async (): Promise<CommandResult> => {
      end.abort();
      return await Promise.resolve(said(BEHIND));
    };
    await expect(awaitProxies({ onNode }, facts, end.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
