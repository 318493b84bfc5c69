import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLUSTER_DNS, workloadTargets } from '../../engines/kubernetes/rollout-targets.ts';
import type { EngineEvent } from '../../engines/port.ts';
import { vmEngine } from '../../engines/vm/engine.ts';
import { needs } from '../../engines/vm/preflight.ts';
import { asLoaded } from '../../lab/api.ts';
import { fetchDisk } from '../../lab/fetch-disk.ts';
import { synthesize } from '../../lab/synth.ts';
import { up } from '../../lab/up.ts';
import { EnvironmentError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { TCG } from '../../topology/vm-machines.ts';
import { diskOf } from '../../topology/vm-image.ts';
import { useScratch } from '../lab/scratch.ts';
import { fakeVm, type FakeVm, type FakeVmOptions } from './fake-vm.ts';

const IMAGE = Buffer.alloc(100_000);
IMAGE.write('QFI\u00FB\0\0\0\u0003', 0, 'latin1');
IMAGE.writeBigUInt64BE(BigInt(3 * 2 ** 30), 24);
const DIGEST = createHash('sha512').update(IMAGE).digest('hex');

const scratch = useScratch();
let server: Server;
let url = '';
let asked = 0;
beforeAll(async () => {
  server = createServer((_request, response) => {
    asked++;
    response.end(IMAGE);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian-12-generic-amd64.qcow2`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = 0;
});

const lab = (digest = DIGEST): LabSpec => ({
  name: 'cloudy',
  clusters: [{ name: 'c1', kubernetesVersion: '1.34', workers: 1, cni: { type: 'flannel' }, nodeImage: `${url}@sha512:${digest}` }],
});
const boots = (node: string): string => {
  const action = node.includes('control-plane') ? 'init' : 'join';
  return `cnilab: begin packages\r\n| Setting up kubelet\r\ncnilab: done packages\r\ncnilab: begin prepare\r\ncnilab: done prepare\r\ncnilab: begin kubeadm ${action}\r\ncnilab: done kubeadm ${action}\r\n`;
};
async function machineFor(options: FakeVmOptions = {}): Promise<FakeVm> {
  const plan = planLab(lab());
  const { clusters } = await synthesize(plan, 'vm');
  const targets = [CLUSTER_DNS, ...clusters.flatMap(({ cniRollouts }) => cniRollouts), ...plan.clusters.flatMap(workloadTargets)];
  // No images on the disk: nobody asks for them.
  return fakeVm(scratch.folder, targets, { images: [], console: boots, ...options });
}
const cached = (): readonly string[] => {
  const folder = join(scratch.folder, 'cache', 'cnilab', 'upstream');
  return existsSync(folder) ? readdirSync(folder) : [];
};
const labs = (): readonly string[] => {
  const folder = join(scratch.folder, 'state', 'cnilab', 'labs');
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe('machines on a cloud image', () => {
  it('are layers of 20 GiB over it, with a boot loader and a way out', async () => {
    const plan = planLab(lab());
    const machine = await machineFor();
    const engine = vmEngine(machine.deps);
    const directory = join(scratch.folder, 'run');
    mkdirSync(directory, { mode: 0o700 });
    const events: EngineEvent[] = [];
    const disk = diskOf(plan);
    if (disk?.kind !== 'cloud') throw new Error('the lab names no cloud image');
    await engine.create(plan, {
      directory,
      sourceDirectory: scratch.folder,
      materials: {
        artifacts: await synthesize(plan, 'vm'),
        load: [],
        offline: false,
        fetchDisk: async (progress) => await fetchDisk(disk, { offline: false, cacheDirectory: join(scratch.folder, 'cache', 'cnilab') }, progress),
      },
      onEvent: (event) => {
        events.push(event);
      },
      onHandle: async () => {
        await Promise.resolve();
      },
      signal: new AbortController().signal,
    });
    expect(asked).toBe(1);
    expect(events.filter(({ phase }) => phase === 'end').map(({ step }) => step)).toEqual(
      expect.arrayContaining(['preflight', 'fetch disk', 'start machines', 'boot', 'install packages', 'kubeadm init', 'kubeadm join']),
    );
    const layers = machine.log.filter(([program, verb]) => program === 'qemu-img' && verb === 'create').map((argv) => argv.slice(-3));
    expect(layers).toEqual(
      ['control-plane1', 'worker1'].map((node) => [
        join(scratch.folder, 'cache/cnilab/upstream', DIGEST),
        join(directory, 'nodes', node, 'disk.qcow2'),
        '21474836480',
      ]),
    );
    const [first = ''] = machine.log.filter((argv) => argv.includes('c1/control-plane1')).map((argv) => argv.join(' '));
    expect(first).toContain('restrict=off,dns=192.0.2.3,');
    expect(first).not.toContain('-kernel');
    expect(machine.log.some((argv) => argv.join(' ').includes('ctr '))).toBe(false);
    expect(engine.fidelity(plan).absent.join('\n')).toContain('reach whatever this machine reaches');
    await engine.destroy(null, directory);
    expect(machine.processes.size).toBe(0);
  });

  it('whose digest is wrong leave nothing, and fetch nothing before all else is there', async () => {
    const machine = await machineFor();
    const coming = up(await asLoaded(lab('0a'.repeat(64))), { engine: 'vm', loadEngine: async () => await Promise.resolve(vmEngine(machine.deps)) });
    const error: unknown = await coming.catch((cause: unknown) => cause);
    // Exit code 3.
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error).toMatchObject({ code: 'UPSTREAM_DIGEST', message: expect.stringContaining(`has SHA-512 ${DIGEST} instead of ${'0a'.repeat(64)}`) as string });
    expect([asked, machine.processes.size, cached(), labs()]).toEqual([1, 0, [], []]);

    const without = await machineFor({ without: 'qemu-system-x86_64' });
    await expect(up(await asLoaded(lab()), { engine: 'vm', loadEngine: async () => await Promise.resolve(vmEngine(without.deps)) })).rejects.toMatchObject({
      code: 'ENVIRONMENT_LACKS',
      message: expect.stringContaining('qemu-system-x86_64 is not installed') as string,
    });
    expect([asked, cached(), labs()]).toEqual([1, [], []]);
  });

  it('are refused offline: they fetch more than the image', async () => {
    const machine = await machineFor();
    const coming = up(await asLoaded(lab()), { engine: 'vm', offline: true, loadEngine: async () => await Promise.resolve(vmEngine(machine.deps)) });
    await expect(coming).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED', message: expect.stringContaining('--offline') as string });
    expect([asked, labs()]).toEqual([0, []]);
  });

  it('whose packages cannot be had say why', async () => {
    const machine = await machineFor({
      console: () => "cnilab: begin packages\r\n| E: Version '1.34.*' for 'kubelet' was not found\r\ncnilab: failed packages: exit code 100\r\n",
    });
    const coming = up(await asLoaded(lab()), { engine: 'vm', loadEngine: async () => await Promise.resolve(vmEngine(machine.deps)) });
    await expect(coming).rejects.toMatchObject({
      code: 'ENGINE_STEP_FAILED',
      message: expect.stringMatching(/failed at packages: exit code 100[^]*Version '1.34.\*' for 'kubelet' was not found/) as string,
    });
    expect([machine.processes.size, labs(), cached()]).toEqual([0, [], [DIGEST]]);
  });

  it('are not what the environment alone says: the files of a lab are made for them', async () => {
    vi.stubEnv('CNILAB_VM_IMAGE', `${url}@sha512:${DIGEST}`);
    try {
      const machine = await machineFor();
      const clusters = (lab().clusters ?? []).map(({ nodeImage: _named, ...cluster }) => cluster);
      const coming = up(await asLoaded({ name: 'cloudy', clusters }), {
        engine: 'vm',
        loadEngine: async () => await Promise.resolve(vmEngine(machine.deps)),
      });
      await expect(coming).rejects.toMatchObject({
        code: 'ENVIRONMENT_LACKS',
        message: expect.stringContaining(`CNILAB_VM_IMAGE names ${url}, and the lab names no disk`) as string,
        hint: expect.stringContaining('nodeImage of `up` or of a LabCluster') as string,
      });
      expect([asked, labs()]).toEqual([0, []]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('are no lack of this machine', async () => {
    const machine = await machineFor();
    const rows = await needs(machine.deps, planLab(lab()), { option: TCG, kvm: false, detail: 'TCG' });
    expect(rows.find(({ id }) => id === 'disk')).toMatchObject({ title: 'cloud image', ok: true, detail: `${url}, fetched when a lab comes up` });
    expect(asked).toBe(0);
  });
});
