/** Two machines, flannel over VXLAN, kube-proxy in mode ipvs: up by one command, verified by the same Jobs as on kind, cut, stopped, started, and down without a rest. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabState } from '../../lab/lab-state.ts';
import type { Report } from '../../verify/report.ts';
import { Place, type Outcome } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';

const why = lacking('vm', 'plugins');

const NAME = 'machines';
const LAB = `name: ${NAME}
clusters:
  - name: c1
    kubernetesVersion: '1.34'
    workers: 1
    cni: { type: flannel }
    kubeProxy: { mode: ipvs, scheduler: rr }
    workloads: [{ name: web, perNode: 2, ports: [{ containerPort: 8080 }] }]
    objects:
      - apiVersion: v1
        kind: Service
        metadata: { name: web }
        spec: { selector: { app: web }, clusterIP: 10.96.0.77, ports: [{ port: 80, targetPort: 8080 }] }
`;
/** Images that the prepared disk of the tests holds, instead of the newest ones. */
const IMAGES = ['--image', 'ghcr.io/flannel-io/flannel=ghcr.io/flannel-io/flannel:v0.28.4'];

/** Process ids of QEMUs that carry a folder below `directory` in their environment. */
function machinesOf(directory: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu') &&
        readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CNILAB_RUN=${directory}`)
      );
    } catch {
      return false;
    }
  });
}

const verdicts = (report: Report): Readonly<Record<string, string>> => Object.fromEntries(report.requirements.map(({ id, verdict }) => [id, verdict]));
const PASSED = { R1: 'pass', R2: 'pass', R3: 'pass' } as const;
/** What to say when they are not passed: all that the report holds against it. */
const held = ({ checks, requirements }: Report): string =>
  JSON.stringify({ requirements, checks: checks.filter(({ verdict }) => verdict !== 'pass') }, null, 1).slice(0, 20_000);

describe.skipIf(why !== null)(`two machines${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  let file: string;
  const ok = async (...args: readonly string[]): Promise<Outcome> => {
    const outcome = await place.cnilab(args);
    if (outcome.code !== 0) throw new Error(`${args.join(' ')} ended with ${String(outcome.code)}:\n${outcome.stderr}\n${outcome.stdout.slice(0, 3000)}`);
    return outcome;
  };
  const on = async (node: string, ...argv: readonly string[]): Promise<string> => (await ok('exec', NAME, node, '--', ...argv)).stdout;
  const verify = async (...more: readonly string[]): Promise<Report> => {
    const { stdout, stderr } = await place.cnilab(['verify', NAME, '--json', ...more]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Report;
  };

  beforeAll(async () => {
    place = new Place();
    file = join(place.directory, 'lab.yaml');
    writeFileSync(file, LAB);
    await ok('up', file, '--engine', 'vm', ...IMAGES);
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    expect(machinesOf(place.directory)).toEqual([]);
  });

  it('run kernels of their own, with the addresses of the plan', async () => {
    expect(machinesOf(place.directory)).toHaveLength(2);
    const ids = [await on('control-plane1', 'cat', '/proc/sys/kernel/random/boot_id'), await on('worker1', 'cat', '/proc/sys/kernel/random/boot_id')];
    expect(new Set([...ids, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')]).size).toBe(3);
    expect(await on('worker1', 'ip', '-4', '-o', 'addr', 'show', 'eth0')).toContain('172.30.0.3/24');
  });

  it('were configured by files that their own cloud-init finds good', async () => {
    expect(await on('worker1', 'cloud-init', 'schema', '--system')).toMatch(/^Valid/m);
  });

  it('hold R1, R2 and R3, seen from inside', async () => {
    const report = await verify();
    expect(verdicts(report), held(report)).toEqual(PASSED);
    expect(report, held(report)).toMatchObject({ verdict: 'pass', engine: 'vm' });
    expect(report.matrix).toHaveLength(4);
    expect(report.observations.find(({ id }) => id === 'connection-tracking')?.value).toMatch(/^[1-9]\d* entries read/);
  });

  it('have kube-proxy in mode ipvs: the scheduler and the real servers of the lab', async () => {
    const { stdout } = await ok('inspect', NAME, '--json');
    const state = JSON.parse(stdout) as LabState;
    const pods = (state.observed?.clusters[0]?.pods ?? []).flatMap((pod) =>
      pod.labels['app'] === 'web' ? (pod.interface?.addresses.map(({ address }) => `${address}:8080`) ?? []) : [],
    );
    expect(pods.length).toBeGreaterThan(0);
    for (const node of ['control-plane1', 'worker1']) {
      const table = await on(node, 'ipvsadm', '-L', '-n', '-t', '10.96.0.77:80');
      expect(table).toMatch(/TCP\s+10\.96\.0\.77:80 rr/);
      const servers = [...table.matchAll(/-> (\S+)\s+Masq\s+1/g)].map((m) => m[1] ?? '').toSorted();
      expect(servers).toEqual(pods.toSorted());
    }
  });

  it('cannot reach anything beyond the lab', async () => {
    // QEMU's end of a user network leads, where it leads out, to 127.0.0.1 of this machine.
    let connections = 0;
    const server = createServer((_request, response) => void response.end());
    server.on('connection', () => {
      connections++;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      expect(connections).toBe(1);
      for (const there of [`192.0.2.2:${port}`, '1.1.1.1:80']) {
        await on('worker1', 'true');
        const { code } = await place.cnilab(['exec', NAME, 'worker1', '--', 'curl', '--silent', '--max-time', '20', `http://${there}/`]);
        // curl: 7 refused or no way, 28 silence.
        expect([7, 28], `${there} ended with ${String(code)}`).toContain(code);
      }
      expect(connections).toBe(1);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('lose a node whose cable is pulled, and have it again', async () => {
    await ok('node', 'cut', NAME, 'worker1');
    const cut = await verify('--only', 'r1');
    expect(verdicts(cut)['R1']).not.toBe('pass');
    await ok('node', 'mend', NAME, 'worker1');
    const again = await verify('--suite', 'network');
    expect(verdicts(again), held(again)).toEqual(PASSED);
  });

  it('lose a node without power, and have it again', async () => {
    await ok('node', 'stop', NAME, 'worker1');
    expect(machinesOf(place.directory)).toHaveLength(1);
    const { code, stderr } = await place.cnilab(['exec', NAME, 'worker1', '--', 'true']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('stopped')]);
    await ok('node', 'start', NAME, 'worker1');
    const again = await verify('--suite', 'network');
    expect(verdicts(again), held(again)).toEqual(PASSED);
  });

  it('leave nothing when QEMU is killed, and down is called', async () => {
    const [first = ''] = machinesOf(place.directory);
    process.kill(Number(first), 'SIGKILL');
    const { stdout } = await place.cnilab(['ls', '--json']);
    expect(stdout).toContain('lost');
    await ok('down', NAME);
    expect(machinesOf(place.directory)).toEqual([]);
    expect(readdirSync(join(place.directory, 'state/cnilab/labs'))).toEqual([]);
  });
});

describe.skipIf(why !== null)(`machines that are on their way${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('leave nothing when up is killed at any time, and down is called', async () => {
    await using place = new Place();
    const file = join(place.directory, 'lab.yaml');
    writeFileSync(file, LAB);
    let seen = 0;
    for (const killAfterMs of [1500, 4000, 9000, 15_000]) {
      const { code } = await place.cnilab(['up', file, '--engine', 'vm', ...IMAGES], { killAfterMs });
      expect(code).toBeNull();
      seen = Math.max(seen, machinesOf(place.directory).length);
      expect((await place.cnilab(['down', NAME])).code).toBe(0);
      expect(machinesOf(place.directory)).toEqual([]);
    }
    expect(seen).toBe(2);
    expect(execFileSync('find', [join(place.directory, 'state'), '-name', '*.qcow2'], { encoding: 'utf8' })).toBe('');
  });
});
