/** The kernels of nodes and pods, as a shell on a node of a real cluster printed them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CNI_FOLDERS, kernelArgv, podPlaces } from '../../engines/kubernetes/kernel-script.ts';
import { parseKernels } from '../../engines/kubernetes/kernel-text.ts';
import { readKernels, type ClusterPlace, type OnNode } from '../../engines/kubernetes/read-kernels.ts';
import { LabError } from '../../topology/errors.ts';

const TEXT = readFileSync(new URL('kubernetes-recorded/kernels.txt', import.meta.url), 'utf8');
const [NODE, POD] = ['cnilab-lab-worker2', 'pod:c1/default/echo-6kwmk'] as const;

const PLACES = `/run/containerd/k8s.io/1c18/config.json:"io.kubernetes.cri.sandbox-name":"kube-proxy-kq96k"
/run/containerd/k8s.io/1c18/config.json:"io.kubernetes.cri.sandbox-namespace":"kube-system"
/run/containerd/k8s.io/1c18/config.json:"type":"network","path":"/proc/216/ns/net"
/run/containerd/k8s.io/9a2b/config.json:"io.kubernetes.cri.sandbox-name":"echo-6kwmk"
/run/containerd/k8s.io/9a2b/config.json:"io.kubernetes.cri.sandbox-namespace":"default"
/run/containerd/k8s.io/9a2b/config.json:"type":"network","path":"/var/run/netns/cni-13476d14"
/run/containerd/k8s.io/77aa/config.json:"io.kubernetes.cri.sandbox-name":"going"
`;

describe('what a shell on a node printed', () => {
  const kernels = parseKernels(TEXT);
  const node = kernels[NODE];
  const pod = kernels[POD];

  it('is read namespace by namespace', () => {
    expect(Object.keys(kernels)).toEqual([NODE, POD]);
    expect(pod?.addresses.filter((one) => one.dev === 'eth0' && one.family === 'ipv4')).toMatchObject([{ prefixLength: 24 }]);
    expect(pod?.rules).toEqual({ iptables: '', ip6tables: '', nft: '' });
    expect(pod).not.toHaveProperty('cni');
  });
  it('has links with their bridge, hairpin and counters', () => {
    expect(node?.links.find((link) => link.name === 'cni0')).toMatchObject({ kind: 'bridge', mac: '06:eb:3c:fd:5f:ec', up: true, hairpin: null });
    const port = node?.links.find((link) => link.name.startsWith('veth'));
    expect(port).toMatchObject({ kind: 'veth', master: 'cni0', hairpin: true });
    expect(port?.statistics.rxPackets).toBeGreaterThan(0);
  });
  it('has routes as the kernel numbers them', () => {
    expect(node?.routes.filter((route) => route.family === 'ipv4').map(({ to, via, dev, proto, type }) => [to, via, dev, proto, type])).toEqual([
      ['0.0.0.0/0', '172.18.0.1', 'eth0', 3, 'unicast'],
      ['10.244.0.0/24', '172.18.0.3', 'eth0', 89, 'unicast'],
      ['10.244.1.0/24', '172.18.0.4', 'eth0', 89, 'unicast'],
      ['10.244.2.0/24', null, 'cni0', 2, 'unicast'],
      ['172.18.0.0/16', null, 'eth0', 2, 'unicast'],
    ]);
  });
  it('has neighbours in small letters, and no group addresses among forwarding entries', () => {
    expect(node?.neighbours[0]).toEqual({ dev: 'eth0', family: 'ipv4', address: '172.18.0.4', mac: '02:42:ac:12:00:04', state: 'reachable' });
    expect(node?.fdb.map(({ mac, permanent }) => [mac, permanent])).toEqual([
      ['06:eb:3c:fd:5f:ec', true],
      ['6e:db:58:88:7c:50', false],
      ['ba:89:bd:77:40:3b', true],
    ]);
  });
  it('has settings, counters, listening sockets and rules', () => {
    expect(node?.sysctls).toMatchObject({ 'net/ipv4/ip_forward': '1', 'net/ipv4/conf/cni0/rp_filter': '0', 'net/ipv4/ping_group_range': '0 2147483647' });
    expect(node?.counters).toMatchObject({
      IpInReceives: 6891,
      IpExtInNoRoutes: 0,
      Ip6InReceives: 153,
      ConntrackEntries: 95,
      ConntrackMax: 262_144,
      ConntrackDrops: 0,
    });
    expect(node?.listening).toContain('127.0.0.1:10248');
    expect(pod?.listening).toEqual(['[::]:8080']);
    expect(node?.rules.iptables).toContain('*mangle\n');
    expect(node?.rules.nft).toContain('table ip nat {');
    expect(node?.rules).not.toHaveProperty('legacy');
  });
  it('has the UDP flows that are translated, and no others', () => {
    expect(node?.flows?.length).toBeGreaterThan(0);
    expect(new Set(node?.flows?.map((flow) => flow.original.destination))).toEqual(new Set(['127.0.0.11']));
  });
  it('has what the container runtime of the node attaches pods with', () => {
    expect(node?.cni).toMatchObject({ ...CNI_FOLDERS, plugins: expect.arrayContaining(['bridge', 'host-local', 'loopback']) as unknown });
    expect(node?.cni?.configs.map(({ file, text }) => [file, (JSON.parse(text) as { readonly name: string }).name])).toEqual([
      ['10-cnilab-bridge.conflist', 'cnilab-bridge'],
    ]);
  });
  it('leaves out what could not be entered', () => {
    expect(parseKernels('@@cnilab place gone\n@@cnilab links\n@@cnilab route4\n')).toEqual({});
    expect(parseKernels('')).toEqual({});
  });
  it('has the index of the other end of a cable, and not of what else a device stands on', () => {
    const links =
      '[{"ifindex":2,"link_index":8,"ifname":"eth0","link_netnsid":0,"linkinfo":{"info_kind":"veth"}},{"ifindex":3,"link_index":2,"ifname":"flannel.1","linkinfo":{"info_kind":"vxlan"}},{"ifindex":4,"ifname":"cni0","linkinfo":{"info_kind":"bridge"}}]';
    const { x } = parseKernels(`@@cnilab place x\n@@cnilab links\n${links}\n`);
    expect(x?.links.map(({ name, peer }) => [name, peer])).toEqual([
      ['eth0', 8],
      ['flannel.1', undefined],
      ['cni0', undefined],
    ]);
  });
  it('reads blackholes, next hops by the dozen and rules of both backends', () => {
    const links = '[{"ifindex":1,"ifname":"lo"}]';
    const route4 =
      '[{"type":"6","dst":"10.1.0.0/16","protocol":"3"},{"dst":"10.2.0.1","protocol":"4","nexthops":[{"gateway":"10.0.0.1","dev":"a","flags":["onlink"]},{"gateway":"10.0.0.2","dev":"b","flags":[]}]}]';
    const { x } = parseKernels(`@@cnilab place x\n@@cnilab links\n${links}\n@@cnilab route4\n${route4}\n@@cnilab legacy4\n*filter\n`);
    expect(x?.routes.map(({ type, to, via, dev, onlink }) => [type, to, via, dev, onlink])).toEqual([
      ['blackhole', '10.1.0.0/16', null, null, false],
      ['unicast', '10.2.0.1/32', '10.0.0.1', 'a', true],
      ['unicast', '10.2.0.1/32', '10.0.0.2', 'b', false],
    ]);
    expect(x?.rules.legacy).toEqual({ iptables: '*filter\n', ip6tables: '' });
  });
});

describe('the namespaces of pods', () => {
  it('are found by what the container runtime notes; a pod that is coming or going has none', () => {
    expect([...podPlaces(PLACES)]).toEqual([
      ['kube-system/kube-proxy-kq96k', '/proc/216/ns/net'],
      ['default/echo-6kwmk', '/var/run/netns/cni-13476d14'],
    ]);
  });
  it('are read with their node by one shell', async () => {
    const calls: (readonly string[])[] = [];
    const onNode: OnNode = (node, argv) => {
      calls.push([node, ...argv]);
      return Promise.resolve({ exitCode: 0, stderr: '', stdout: argv.length === 3 ? PLACES : TEXT });
    };
    const place = (name: string): { readonly netns: string; readonly node: string; readonly pod: string } => ({
      netns: `pod:c1/${name}`,
      node: NODE,
      pod: name,
    });
    const read = await readKernels(onNode, [{ netns: NODE, node: NODE, pod: null }, place('default/echo-6kwmk'), place('default/gone')], { rules: true });
    expect(Object.keys(read.namespaces)).toEqual([NODE, POD]);
    expect(calls.map(([node]) => node)).toEqual([NODE, NODE]);
    expect(calls[1]?.slice(-6)).toEqual(['rules', '', NODE, '', POD, '/var/run/netns/cni-13476d14']);
  });
  it('are not asked for where only nodes are read, and a node that is away is named', async () => {
    let calls = 0;
    const onNode: OnNode = () => Promise.resolve({ exitCode: ++calls > 1 ? 1 : 0, stderr: 'no such container', stdout: TEXT });
    const read = (): Promise<unknown> => readKernels(onNode, [{ netns: NODE, node: NODE, pod: null }], { rules: false });
    await read();
    expect(calls).toBe(1);
    await expect(read()).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: `the kernel of ${NODE} could not be read: no such container` });
  });
  it('are left out with a node that is stopped, as long as another one is read', async () => {
    const stopped = new LabError({ code: 'TARGET_UNKNOWN', message: 'node worker3 is stopped', hint: '' });
    const onNode: OnNode = async (node) => {
      if (node === 'worker3') throw stopped;
      return await Promise.resolve(node === NODE ? { exitCode: 0, stderr: '', stdout: TEXT } : { exitCode: 255, stdout: '', stderr: 'it does not run\n' });
    };
    const place = (node: string, pod: string | null = null): ClusterPlace => ({ netns: pod === null ? node : `pod:c1/${pod}`, node, pod });
    const read = (...places: readonly ClusterPlace[]): ReturnType<typeof readKernels> => readKernels(onNode, places, { rules: true });
    const away = [place('worker4'), place('worker4', 'default/web'), place('worker3')];
    expect(Object.keys((await read(...away, place(NODE))).namespaces)).toEqual([NODE, POD]);
    await expect(read(...away)).rejects.toMatchObject({ message: expect.stringMatching(/worker[34]/) as string });
    await expect(read()).resolves.toMatchObject({ namespaces: {} });
    const interrupted = new LabError({ code: 'INTERRUPTED', message: 'Ctrl-C', hint: '' });
    const late: OnNode = (node, ...given) => (node === NODE ? onNode(node, ...given) : Promise.reject(interrupted));
    await expect(readKernels(late, [place(NODE), place('worker4')], { rules: true })).rejects.toBe(interrupted);
  });
  it('are entered by paths, not by text of the script', () => {
    const argv = kernelArgv([{ netns: '$(reboot)', path: '/x y' }], { rules: false, flows: true });
    expect(argv.slice(-4)).toEqual(['', 'flows', '$(reboot)', '/x y']);
    expect(argv[2]).not.toContain('reboot');
  });
});
