import { startAgentLab } from '/work/main/test/integration/agent-lab.ts';
const N = Number(process.argv[2] ?? 10), P = Number(process.argv[3] ?? 10);
const t0 = performance.now();
await using lab = await startAgentLab();
console.log('holder+agent', (performance.now() - t0).toFixed(1));
const mac = (a: number, b: number, c: number) => `02:00:00:${[a, b, c].map((x) => x.toString(16).padStart(2, '0')).join(':')}`;
const stages: any[] = [];
const fabric: any[] = [{ op: 'netns', ns: 'fabric' }, { op: 'bridge', ns: 'fabric', name: 'lan', mac: mac(9, 0, 0), mtu: 1500 }];
const nodes: any[] = [], dp: any[] = [], pods: any[] = [];
const sys = (ns: string) => ['net/ipv4/ip_forward=1', 'net/ipv4/conf/all/rp_filter=0', 'net/ipv4/conf/default/rp_filter=0', 'net/ipv6/conf/all/disable_ipv6=1', 'net/ipv6/conf/default/disable_ipv6=1'].map((s) => ({ op: 'sysctl', ns, key: s.split('=')[0], value: s.split('=')[1] }));
for (let n = 1; n <= N; n++) {
  const ns = `n${n}`;
  nodes.push({ op: 'netns', ns }, ...(process.env.SYS ? sys(ns) : []), { op: 'veth', ns: 'fabric', name: `v${n}`, mac: null, mtu: 1500, master: 'lan', hairpin: false, peer: { ns, name: 'eth0', mac: mac(1, n, 0), mtu: 1500 } }, { op: 'address', ns, dev: 'eth0', address: `172.18.0.${n}`, prefixLength: 24 });
  dp.push({ op: 'bridge', ns, name: 'cni0', mac: mac(2, n, 0), mtu: 1450 }, { op: 'address', ns, dev: 'cni0', address: `10.244.${n}.1`, prefixLength: 24 },
    { op: 'vxlan', ns, name: 'flannel.1', mac: mac(3, n, 0), mtu: 1450, vni: 1, port: 8472, local: `172.18.0.${n}`, dev: 'eth0', learning: false, master: null }, { op: 'address', ns, dev: 'flannel.1', address: `10.244.${n}.0`, prefixLength: 32 });
  for (let m = 1; m <= N; m++) if (m !== n) dp.push({ op: 'neigh', ns, dev: 'eth0', address: `172.18.0.${m}`, mac: mac(1, m, 0) }, { op: 'neigh', ns, dev: 'flannel.1', address: `10.244.${m}.0`, mac: mac(3, m, 0) }, { op: 'fdb', ns, dev: 'flannel.1', mac: mac(3, m, 0), dst: `172.18.0.${m}` }, { op: 'route', ns, to: `10.244.${m}.0/24`, via: `10.244.${m}.0`, dev: 'flannel.1', onlink: true, type: 'unicast' });
  for (let p = 1; p <= P; p++) { const pod = `n${n}p${p}`, a = `10.244.${n}.${p + 1}`;
    pods.push({ op: 'netns', ns: pod }, ...(process.env.SYS ? sys(pod) : []), { op: 'veth', ns, name: `p${p}`, mac: null, mtu: 1450, master: 'cni0', hairpin: true, peer: { ns: pod, name: 'eth0', mac: mac(4, n, p), mtu: 1450 } }, { op: 'address', ns: pod, dev: 'eth0', address: a, prefixLength: 24 },
      { op: 'neigh', ns, dev: 'cni0', address: a, mac: mac(4, n, p) }, { op: 'neigh', ns: pod, dev: 'eth0', address: `10.244.${n}.1`, mac: mac(2, n, 0) }, { op: 'route', ns: pod, to: '0.0.0.0/0', via: `10.244.${n}.1`, dev: 'eth0', onlink: false, type: 'unicast' }); }
}
stages.push({ name: 'fabric', title: '', ops: fabric }, { name: 'nodes', title: '', ops: nodes }, { name: 'data-path', title: '', ops: dp }, { name: 'pods', title: '', ops: pods });
const t1 = performance.now();
console.log(await lab.apply(stages), 'wall', (performance.now() - t1).toFixed(1));
console.log(lab.events.filter((e) => e.phase === 'end').map((e) => `${e.step} ${e.ms!.toFixed(1)}`).join(', '));
console.log(await lab.sh('n1p1', `ping -c 2 -i 0.01 -W 1 10.244.${N}.2; ping -c1 -W1 10.244.1.3; cat /proc/sys/net/ipv4/ip_forward`));
if (process.env.SNAP) { const t = performance.now(); const s = await lab.snapshot('n1', true); console.log('snap', performance.now() - t); console.log(JSON.stringify(s, null, 1).slice(0, 9000)); }
