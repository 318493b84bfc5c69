import { describe, expect, it } from 'vitest';
import { capabilityBounds, dockerFacts, kernelHasOpenvswitch, podmanFacts, type HostFacts } from '../../engines/kind/host-facts.ts';
import { trials } from '../../engines/kind/trials.ts';
import type { Finding } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { smallPlan } from './compile-fixture.ts';

const FACTS: HostFacts = {
  refusedProvider: '',
  engine: { provider: 'docker', problem: '', version: '27.1.0', cgroup: '2', memoryBytes: 16e9, folder: '/var/lib/docker' },
  kind: '0.33.0',
  kubectl: '1.34.4',
  capabilityBounds: 0x1ffffffffffn,
  inotify: { watches: 524_288, instances: 512 },
  freeDiskBytes: 50e9,
  dockerInit: false,
  openvswitch: true,
};
const planOf = (kubernetesVersion: string): LabPlan => smallPlan({ type: 'flannel' }, { kubernetesVersion });
const engine = (more: Partial<HostFacts['engine']>): Partial<HostFacts> => ({ engine: { ...FACTS.engine, ...more } });

function judge(id: string, more: Partial<HostFacts>, plan: LabPlan | null): Finding {
  const trial = trials.find((one) => one.id === id);
  if (trial === undefined) throw new RangeError(`there is no trial ${id}`);
  return trial.judge({ ...FACTS, ...more }, plan);
}

describe('trials of kind', () => {
  it.each([null, planOf('1.34.4'), planOf('1.37')])('all are content with a machine that has everything', (plan) => {
    const lacking = trials.filter(
      (trial) => !trial.judge({ ...FACTS, kubectl: plan === null ? '1.34.4' : `${plan.clusters[0]?.kubernetesVersion ?? ''}.0` }, plan).ok,
    );
    expect(lacking.map(({ id }) => id)).toEqual([]);
  });

  it.each<readonly [string, string, Partial<HostFacts>, string, RegExp]>([
    ['container-engine', 'no engine', engine({ problem: 'Cannot connect to the Docker daemon' }), '1.34', /docker does not answer: Cannot connect/],
    ['container-engine', 'a provider that is not known here', { refusedProvider: 'nerdctl' }, '1.34', /nerdctl/],
    ['kind', 'no kind', { kind: '' }, '1.34', /not installed/],
    ['kind', 'an old kind', { kind: '0.31.0' }, '1.36.4', /0\.31\.0 is too old for Kubernetes 1\.36\.4: 0\.32\.0 or newer/],
    ['kind', 'a very old kind', { kind: '0.20.0' }, '1.30', /0\.23\.0 or newer/],
    ['kubectl', 'no kubectl', { kubectl: '' }, '1.34', /not installed/],
    ['kubectl-skew', 'a kubectl of other days', { kubectl: '1.32.4' }, '1.34.4', /more than one minor version/],
    ['cgroup', 'cgroup v1 and a kubelet that refuses it', engine({ cgroup: '1' }), '1.35.8', /refuses to start/],
    [
      'cap-sys-resource',
      'an old Docker without the capability',
      { capabilityBounds: 0x1fffeffffffn, ...engine({ version: '20.10.24' }) },
      '1.34',
      /20\.10\.24/,
    ],
    ['inotify', 'few watches', { inotify: { watches: 8192, instances: 128 } }, '1.34', /too many open files/],
    ['memory', 'little memory', engine({ memoryBytes: 1e9 }), '1.34', /1\.0 GB of memory/],
    ['memory', 'a full disk', { freeDiskBytes: 1e9 }, '1.34', /1\.0 GB of disk/],
    ['docker-init', 'the daemon option init', { dockerInit: true }, '1.34', /"init": true/],
  ])('%s finds %s', (id, _, more, version, says) => {
    const { ok, detail, remedy } = judge(id, more, planOf(version));
    expect(ok).toBe(false);
    expect(detail).toMatch(says);
    expect(remedy).not.toBe('');
  });

  it.each<readonly [string, string, Partial<HostFacts>, string]>([
    ['cgroup', 'cgroup v1 with a kubelet that takes it', engine({ cgroup: '1' }), '1.34.4'],
    ['cap-sys-resource', 'a newer Docker without the capability', { capabilityBounds: 0x1fffeffffffn, ...engine({ version: '26.1.5+dfsg1' }) }, '1.34'],
    ['cap-sys-resource', 'Podman without the capability', { capabilityBounds: 0x1fffeffffffn, ...engine({ provider: 'podman', version: '4.3.1' }) }, '1.34'],
    ['kind', 'an older kind with an older Kubernetes', { kind: '0.31.0' }, '1.35.8'],
    ['kubectl-skew', 'one minor version apart', { kubectl: '1.33.0' }, '1.34.4'],
    ['inotify', 'no procfs', { inotify: { watches: null, instances: null } }, '1.34'],
  ])('%s is content with %s', (id, _, more, version) => {
    expect(judge(id, more, planOf(version))).toMatchObject({ ok: true, remedy: '' });
  });
});

describe('Open vSwitch', () => {
  const weave = (mode?: 'sleeve'): LabPlan => smallPlan({ type: 'weave', ...(mode === undefined ? {} : { mode }) }, { podCIDR: '10.50.0.0/16' });
  const without = { openvswitch: false } as const;

  it("is missed by Weave's fast datapath alone, and by whoever asks without a lab", () => {
    for (const plan of [null, weave()]) {
      const { ok, detail, remedy } = judge('openvswitch', without, plan);
      expect({ ok, detail, remedy }).toEqual({
        ok: false,
        detail: expect.stringMatching(/no module openvswitch.*sleeve/) as string,
        remedy: expect.stringContaining('modprobe openvswitch') as string,
      });
    }
    for (const plan of [weave('sleeve'), planOf('1.34')])
      expect(judge('openvswitch', without, plan)).toMatchObject({ ok: true, detail: 'this kernel has none, and the lab needs none' });
    expect(judge('openvswitch', { openvswitch: null }, weave())).toMatchObject({ ok: true, detail: 'not known' });
    expect(judge('openvswitch', {}, weave())).toMatchObject({ ok: true, detail: 'this kernel has it' });
  });

  it('is found loaded or built in by its symbols, and on disk by the list of modules', () => {
    const loaded = '0000000000000000 t ovs_vport_add\t[openvswitch]\n';
    expect(kernelHasOpenvswitch(loaded, null)).toBe(true);
    expect(kernelHasOpenvswitch('0000000000000000 T ovs_vport_add\n', '')).toBe(true);
    expect(kernelHasOpenvswitch('', 'kernel/net/openvswitch/openvswitch.ko.xz: kernel/net/nsh/nsh.ko.xz\n')).toBe(true);
    expect(kernelHasOpenvswitch('0000000000000000 T vport_add\n', 'kernel/net/openvswitch/vport-vxlan.ko: kernel/net/openvswitch/x.ko\n')).toBe(false);
    expect(kernelHasOpenvswitch(null, null)).toBeNull();
  });
});

describe('facts', () => {
  it('reads docker info, with and without an engine', () => {
    expect(dockerFacts('{"ServerVersion":"26.1.5","CgroupVersion":"1","MemTotal":5,"DockerRootDir":"/d"}')).toEqual({
      provider: 'docker',
      problem: '',
      version: '26.1.5',
      cgroup: '1',
      memoryBytes: 5,
      folder: '/d',
    });
    expect(dockerFacts('{"ServerErrors":["Cannot connect to the Docker daemon"]}').problem).toBe('Cannot connect to the Docker daemon');
    expect(dockerFacts('{}').problem).toBe('no engine answers');
  });
  it('reads podman info', () => {
    const json = '{"host":{"cgroupVersion":"v2","memTotal":7},"store":{"graphRoot":"/g"},"version":{"Version":"4.9.3"}}';
    expect(podmanFacts(json)).toMatchObject({ provider: 'podman', problem: '', version: '4.9.3', cgroup: '2', memoryBytes: 7, folder: '/g' });
  });
  it('reads the bounds of capabilities', () => {
    expect(capabilityBounds('Name:\tnode\nCapBnd:\t000001fffeffffff\n')).toBe(0x1fffeffffffn);
    expect(capabilityBounds(null)).toBeNull();
  });
});
