import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabPlan } from '../../topology/plan.ts';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';

const why = lacking('netns', 'plugins');

const lab = (name: string, cni: string, workers: number, perNode: number, extra = ''): string => `
name: ${name}
${extra}
clusters:
  - name: c1
    workers: ${workers}
    cni: ${cni}
    workloads:
      - { name: app, perNode: ${perNode} }
`;

describe.skipIf(why !== null)(`the life of a lab${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  beforeEach(() => {
    place = new Place();
  });
  afterEach(async () => {
    await place.cnilab(['down', '--all']);
    expect(place.leftovers()).toEqual([]);
    await place[Symbol.asyncDispose]();
  });

  const write = (text: string, file = 'lab.yaml'): string => {
    const path = join(place.directory, file);
    writeFileSync(path, text);
    return path;
  };
  const plan = async (name: string): Promise<LabPlan> => (JSON.parse((await place.cnilab(['inspect', name, '--json'])).stdout) as { plan: LabPlan }).plan;
  const verified = async (name: string): Promise<Report> => JSON.parse((await place.cnilab(['verify', name, '--json'])).stdout) as Report;
  const addresses = (p: LabPlan): Map<string, string | undefined> =>
    new Map(
      p.clusters.flatMap((c) => [
        ...c.pods.map((q) => [q.id, q.interface?.addresses[0]?.address] as const),
        ...c.nodes.map((n) => [n.id, n.interfaces[0]?.addresses[0]?.address] as const),
      ]),
    );

  it('is idempotent: the second up changes nothing', async () => {
    const file = write(lab('twice', '{ type: flannel }', 1, 1));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    const before = readFileSync(join(place.directory, 'state/cnilab/labs/twice/state.json'), 'utf8');
    const again = await place.cnilab(['up', file]);
    expect(again.stderr + again.stdout).toContain('nothing to change');
    expect(JSON.parse(readFileSync(join(place.directory, 'state/cnilab/labs/twice/state.json'), 'utf8')).handle).toEqual(JSON.parse(before).handle);
  });

  it.each([
    ['bridge', '{ type: bridge }'],
    ['flannel vxlan', '{ type: flannel }'],
    ['calico vxlan', '{ type: calico }'],
    ['calico bgp', '{ type: calico, encapsulation: none }'],
    ['weave', '{ type: weave }'],
  ])('grows and shrinks in place on %s, renumbers nothing, and satisfies the model each time', async (_title, cni) => {
    const file = write(lab('grow', cni, 1, 1));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    const first = addresses(await plan('grow'));
    for (const [workers, perNode] of [
      [2, 2],
      [3, 1],
      [1, 2],
    ] as const) {
      write(lab('grow', cni, workers, perNode));
      const up = await place.cnilab(['up', file]);
      expect(up.stderr + up.stdout).toMatch(/changed/);
      expect(up.code).toBe(0);
      const now = addresses(await plan('grow'));
      for (const [id, address] of first) if (now.has(id)) expect(now.get(id)).toBe(address);
      const report = await verified('grow');
      expect(report.checks.filter((c) => c.verdict === 'fail').flatMap((c) => c.failures.map((f) => `${c.id} ${f.client} ${f.server} ${f.saw}`))).toEqual([]);
      expect(report.verdict).toBe('pass');
    }
  });

  it('refuses what cannot be done in place, with the reasons and exit 6, and replaces when told to', async () => {
    const file = write(lab('swap', '{ type: flannel }', 1, 1));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    write(lab('swap', '{ type: bridge }', 1, 1));
    const refused = await place.cnilab(['up', file]);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('cni of a running cluster cannot change');
    expect(refused.stderr).toContain('--replace');
    expect((await place.cnilab(['up', file, '--replace'])).code).toBe(0);
    expect((await verified('swap')).verdict).toBe('pass');
  });

  it('keeps two labs with the same addresses apart', async () => {
    const a = write(lab('one', '{ type: flannel }', 1, 1), 'a.yaml');
    const b = write(lab('two', '{ type: flannel }', 1, 1), 'b.yaml');
    expect((await place.cnilab(['up', a])).code).toBe(0);
    expect((await place.cnilab(['up', b])).code).toBe(0);
    expect((await place.cnilab(['exec', 'two', 'app-worker1', '--', 'ip', 'link', 'set', 'eth0', 'down'])).code).toBe(0);
    expect((await verified('one')).verdict).toBe('pass');
    expect((await verified('two')).verdict).toBe('fail');
  });

  it('shows a lab whose holder died as lost, and cleans or rebuilds it', async () => {
    const file = write(lab('gone', '{ type: bridge }', 1, 1));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    const { handle } = JSON.parse(readFileSync(join(place.directory, 'state/cnilab/labs/gone/state.json'), 'utf8')) as { handle: { pid: number } };
    process.kill(handle.pid, 'SIGKILL');
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    expect((await place.cnilab(['ls'])).stdout).toContain('lost');
    expect((await place.cnilab(['verify', 'gone'])).stderr).toContain('lost');
    expect((await place.cnilab(['up', file])).code).toBe(0);
    expect((await verified('gone')).verdict).toBe('pass');
  });

  it('calls CNI CHECK on demand, and says which pod is not as the plugins left it', async () => {
    const file = write(lab('checked', '{ type: flannel }', 1, 1));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    expect((await place.cnilab(['inspect', 'checked', '--check'])).stdout).toContain('CNI CHECK: 2 pods are attached as the plugins left them');
    await place.cnilab(['exec', 'checked', 'app-worker1', '--', 'ip', 'addr', 'flush', 'dev', 'eth0']);
    const broken = await place.cnilab(['inspect', 'checked', '--check']);
    expect(broken.code).toBe(4);
    expect(broken.stderr).toContain('app-worker1');
  });

  it('runs IPv6 and dual stack on bridge and flannel', async () => {
    for (const [name, cni] of [
      ['six', '{ type: bridge }'],
      ['sixv', '{ type: flannel }'],
    ] as const) {
      for (const [suffix, pod, service] of [
        ['v6', '"fd00:10:244::/56"', '"fd00:10:96::/112"'],
        ['ds', '["10.244.0.0/16", "fd00:10:244::/56"]', '["10.96.0.0/16", "fd00:10:96::/112"]'],
      ] as const) {
        const file = write(
          `name: ${name}-${suffix}\nclusters:\n  - name: c1\n    workers: 1\n    podCIDR: ${pod}\n    serviceCIDR: ${service}\n    cni: ${cni}\n    workloads: [{ name: app, perNode: 2 }]\n`,
        );
        const up = await place.cnilab(['up', file]);
        expect(up.stderr).not.toContain('error');
        const report = await verified(`${name}-${suffix}`);
        expect(
          report.checks
            .filter((c) => c.verdict !== 'pass' && c.verdict !== 'skip')
            .map((c) => `${c.id} ${c.reason} ${c.failures[0]?.client} ${c.failures[0]?.server} ${c.failures[0]?.protocol} ${c.failures[0]?.saw}`),
        ).toEqual([]);
        expect(report.options.families).toContain('ipv6');
      }
    }
  });

  it("runs a raw CNI list and an author's own plugin", async () => {
    mkdirSync(join(place.directory, 'plugins'));
    const plugin = join(place.directory, 'plugins', 'net-script');
    // The by-hand steps as a CNI plugin: a veth pair to the bridge, the address the runtime asks for, a default route.
    writeFileSync(
      plugin,
      `#!/bin/bash
set -e
config=$(cat)
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'; exit;;
DEL) ip link del "v\${CNI_CONTAINERID:0:10}" 2>/dev/null || true; exit;;
CHECK) ip link show "v\${CNI_CONTAINERID:0:10}" >/dev/null; exit;;
esac
address=$(sed -n 's/.*IP=\\([0-9.]*\\).*/\\1/p' <<<"$CNI_ARGS")
gateway=$(sed -n 's/.*"gateway" *: *"\\([^"]*\\)".*/\\1/p' <<<"$config")
mac=$(sed -n 's/.*"mac" *: *"\\([^"]*\\)".*/\\1/p' <<<"$config")
host=v\${CNI_CONTAINERID:0:10}
ip link show hand0 >/dev/null 2>&1 || { ip link add hand0 address 02:00:00:00:00:$(printf %02x $((RANDOM % 256))) type bridge; ip addr add $gateway/24 dev hand0; ip link set hand0 up; } 2>/dev/null || true
ip link add $host type veth peer name $CNI_IFNAME netns $(basename $CNI_NETNS)
ip link set $host master hand0 up
bridge link set dev $host hairpin on
ip -n $(basename $CNI_NETNS) link set $CNI_IFNAME address \${mac:-$(ip -n $(basename $CNI_NETNS) -br link show $CNI_IFNAME | awk '{print $3}')} up
ip -n $(basename $CNI_NETNS) addr add $address/24 dev $CNI_IFNAME
ip -n $(basename $CNI_NETNS) route add default via $gateway
echo "{\\"cniVersion\\":\\"1.0.0\\",\\"interfaces\\":[{\\"name\\":\\"$CNI_IFNAME\\",\\"sandbox\\":\\"$CNI_NETNS\\"}],\\"ips\\":[{\\"address\\":\\"$address/24\\",\\"gateway\\":\\"$gateway\\",\\"interface\\":0}]}"
`,
      { mode: 0o755 },
    );
    const own = join(place.directory, 'own.json');
    writeFileSync(
      own,
      JSON.stringify({
        name: 'own-plugin',
        clusters: [
          {
            name: 'c1',
            workers: 1,
            workloads: [{ name: 'app', perNode: 2 }],
            cni: {
              type: 'raw',
              pluginDirs: ['plugins'],
              conflist: { cniVersion: '1.0.0', name: 'hand', plugins: [{ type: 'net-script', gateway: '${gateway}', capabilities: { mac: true } }] },
            },
          },
        ],
      }),
    );
    // A plugin is a program, and JSON is data: only a lab that is code may name one.
    const refused = await place.cnilab(['up', own]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('pluginDirs');
    const code = join(place.directory, 'own.ts');
    writeFileSync(code, `export default ${readFileSync(own, 'utf8')} as const;\n`);
    const up = await place.cnilab(['up', code]);
    expect(up.stderr).toContain('is up');
    const report = await verified('own-plugin');
    expect(report.checks.filter((c) => c.verdict === 'fail' || c.verdict === 'inconclusive').map((c) => `${c.id} ${c.reason} ${c.failures[0]?.saw}`)).toEqual(
      [],
    );
    const raw = write(`name: raw-ptp
clusters:
  - name: c1
    workers: 1
    workloads: [{ name: app, perNode: 2 }]
    cni:
      type: raw
      conflist:
        cniVersion: "1.0.0"
        name: mynet
        plugins:
          - { type: ptp, mtu: 1500, ipam: { type: host-local, ranges: [[{ subnet: "\${podCIDR}" }]], routes: [{ dst: 0.0.0.0/0 }] } }
`);
    expect((await place.cnilab(['up', raw])).stderr).toContain('is up');
  });
});
