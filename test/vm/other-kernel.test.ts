/** The netns engine on the kernel of a machine, which has what the kernel here may lack: IPIP tunnels and IPVS. And one that can be booted anew. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import type { LabState } from '../../lab/lab-state.ts';
import type { LabSummary } from '../../lab/read.ts';
import { shippedLabs } from '../../scripts/lab-pages.ts';
import type { Report } from '../../verify/report.ts';
import type { Outcome } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { BareMachine } from './bare-machine.ts';
import { packCnilab } from './carried.ts';

const why = lacking('vm', 'plugins');

const LAB = `name: tunnels
clusters:
  - name: c1
    workers: 2
    dns: false
    cni: { type: calico, encapsulation: ipip }
    kubeProxy: { mode: ipvs, scheduler: rr }
    workloads: [{ name: web, perNode: 2, ports: [{ containerPort: 8080 }] }]
    objects:
      - apiVersion: v1
        kind: Service
        metadata: { name: web }
        spec: { selector: { app: web }, clusterIP: 10.96.0.77, ports: [{ port: 80, targetPort: 8080 }] }
`;
/** Labs that ship and ask for these kernels. */
const TAUGHT: readonly string[] = ['calico-ipip', 'service-ipvs'];
/** The one whose lesson speaks of a reboot. */
const REBOOTED = 'linux-router';
/** What a node's administrator does before: prepared disks hold CoreDNS as an image, and Services between pods of one bridge need its frames to pass iptables. */
const PREPARE =
  'modprobe br_netfilter && systemctl start containerd && image=$(ctr -n k8s.io images ls -q | grep -m 1 /coredns:) && ' +
  'ctr -n k8s.io images mount "$image" /mnt && cp /mnt/coredns /usr/local/bin/ && ctr -n k8s.io images unmount /mnt';

describe.skipIf(why !== null)(`in the namespaces of a machine${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-carried-'));
  let machine: BareMachine;
  const run = async (...argv: readonly string[]): Promise<Outcome> =>
    await machine.run(['env', '-C', '/opt/cnilab', 'NO_COLOR=1', 'CNI_PATH=/opt/cnilab/cni', ...argv]);
  const ok = async (...argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...argv);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${String(code)}:\n${stderr}\n${stdout.slice(0, 3000)}`);
    return stdout;
  };
  const cnilab = async (...args: readonly string[]): Promise<string> => await ok('./node', 'dist/cli/main.js', ...args);
  /** What nothing may be left of. */
  const remains = async (): Promise<string> => await ok('sh', '-c', 'ip netns list; ls ~/.local/state/cnilab/labs');

  beforeAll(async () => {
    const labs = (await shippedLabs()).labs.filter(({ name }) => [...TAUGHT, REBOOTED].includes(name));
    const archive = packCnilab(directory, {
      files: { 'tunnels.yaml': LAB, ...Object.fromEntries(labs.map(({ name, spec }) => [`${name}.json`, JSON.stringify(spec)])) },
      plugins: [...new Set(labs.flatMap(({ plan }) => planNeeds(plan).plugins.map(({ name }) => name)))],
      programs: ['test/vm/follow-inside.ts'],
    });
    machine = await BareMachine.start();
    await machine.run(['mkdir', '-p', '/opt/cnilab']);
    const { code, stderr } = await machine.run(['tar', '-xzf', '-', '-C', '/opt/cnilab'], archive);
    expect([code, stderr]).toEqual([0, '']);
    await ok('sh', '-c', PREPARE);
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  describe('calico over IPIP with kube-proxy in mode ipvs', () => {
    beforeAll(async () => {
      await cnilab('up', 'tunnels.yaml');
    });

    it('goes through a tunnel of the kernel', async () => {
      expect(await cnilab('exec', 'tunnels', 'worker1', '--', 'ip', '-d', 'link', 'show', 'tunl0')).toMatch(/ipip/);
      expect(await cnilab('exec', 'tunnels', 'worker1', '--', 'ip', 'route', 'show', 'dev', 'tunl0')).toMatch(
        /10\.244\.\d+\.\d+\/26 via 172\.30\.0\.\d+ .*onlink/,
      );
    });

    it('has the scheduler and the real servers of the lab in its IPVS table', async () => {
      const { plan } = JSON.parse(await cnilab('inspect', 'tunnels', '--json')) as LabState;
      const pods = plan.clusters
        .flatMap((cluster) => cluster.pods.filter((pod) => pod.labels['app'] === 'web'))
        .flatMap((pod) => pod.interface?.addresses.map(({ address }) => `${address}:8080`) ?? []);
      expect(pods).toHaveLength(3);
      for (const node of ['control-plane1', 'worker1', 'worker2']) {
        const table = await cnilab('exec', 'tunnels', node, '--', 'ipvsadm', '-L', '-n', '-t', '10.96.0.77:80');
        expect(table).toMatch(/TCP\s+10\.96\.0\.77:80 rr/);
        expect([...table.matchAll(/-> (\S+)\s+Masq\s+1/g)].map((m) => m[1] ?? '').toSorted(), node).toEqual(pods.toSorted());
      }
    });

    it('holds R1, R2 and R3, and its Service answers', async () => {
      const report = JSON.parse(await cnilab('verify', 'tunnels', '--json')) as Report;
      expect(Object.fromEntries(report.requirements.map(({ id, verdict }) => [id, verdict]))).toEqual({ R1: 'pass', R2: 'pass', R3: 'pass' });
      expect(report.checks.filter(({ id, verdict }) => id.startsWith('service-') && verdict === 'pass').map(({ id }) => id)).toContain('service-cluster-ip');
      expect(report.verdict).toBe('pass');
    });

    it('fails, and is named, when a node does not forward', async () => {
      await cnilab('fault', 'inject', 'tunnels', 'ip-forward-off');
      const { code, stdout } = await run('./node', 'dist/cli/main.js', 'verify', 'tunnels', '--json');
      expect(code).toBe(1);
      expect((JSON.parse(stdout) as Report).diagnoses[0]?.name).toBe('forwarding-disabled');
      await cnilab('fault', 'undo', 'tunnels');
    });

    it('leaves nothing', async () => {
      await cnilab('down', 'tunnels');
      expect(await remains()).toBe('');
    });
  });

  it.each(TAUGHT)('the lesson of %s is followed to its end', async (name) => {
    await cnilab('up', `${name}.json`);
    try {
      const wrong = JSON.parse(await ok('./node', 'dist/test/vm/follow-inside.js', name)) as readonly string[];
      expect(wrong.join('\n\n')).toBe('');
    } finally {
      await cnilab('down', name);
    }
    expect(await remains()).toBe('');
  });

  it('a reboot ends its labs: they are lost, are cleaned or come up anew, and what was written into the running kernel is gone', async () => {
    const forwards = async (): Promise<string> => (await cnilab('exec', REBOOTED, 'b', '--', 'cat', '/proc/sys/net/ipv4/ip_forward')).trim();
    await cnilab('up', 'tunnels.yaml');
    await cnilab('up', `${REBOOTED}.json`);
    await cnilab('step', REBOOTED, '--all');
    expect(await forwards()).toBe('1');

    await machine.reboot();
    const listed = JSON.parse(await cnilab('ls', '--json')) as readonly LabSummary[];
    expect(listed.map(({ name, status }) => [name, status])).toEqual([
      [REBOOTED, 'lost'],
      ['tunnels', 'lost'],
    ]);
    const refused = await run('./node', 'dist/cli/main.js', 'check', REBOOTED);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('a reboot ends every lab')]);

    await cnilab('up', `${REBOOTED}.json`);
    expect(await forwards()).toBe('0');
    await cnilab('step', REBOOTED, '--all');
    await cnilab('check', REBOOTED);
    await cnilab('up', 'tunnels.yaml', '--verify');
    await cnilab('down', 'tunnels', REBOOTED);
    expect(await remains()).toBe('');
  });
});
