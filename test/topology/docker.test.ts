import { describe, expect, it } from 'vitest';
import { diffPlans } from '../../topology/diff.ts';
import type { DockerPlan } from '../../topology/docker/docker-plan.ts';
import type { ContainerSpec, DockerSpec } from '../../topology/docker/docker-spec.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { SpecError } from '../../topology/errors.ts';
import { dockerLab } from './docker-fixture.ts';

const planned = (docker: DockerSpec, previous: LabPlan | null = null): LabPlan => planLab(dockerLab(docker), { previous });
const dockerOf = (plan: LabPlan): DockerPlan => {
  const docker = plan.machines.find(({ id }) => id === 'box')?.docker;
  if (docker === undefined) throw new Error('no Docker on box');
  return docker;
};
const addresses = (plan: LabPlan): Readonly<Record<string, string>> =>
  Object.fromEntries(dockerOf(plan).containers.map(({ name, interface: face }) => [name, face?.addresses[0]?.address ?? '']));

describe('a host with Docker', () => {
  it('forwards, and has docker0 with the first address of its pool; a host without is as before', () => {
    const plan = planned({ containers: [] });
    const [box, client] = ['box', 'client'].map((id) => plan.machines.find((machine) => machine.id === id));
    expect(box?.forwarding).toBe(true);
    expect(box?.docker?.networks).toMatchObject([
      { name: 'bridge', userDefined: false, cidr: '172.17.0.0/16', gateway: '172.17.0.1', bridge: { name: 'docker0', mtuBytes: 1500 } },
    ]);
    expect(client?.forwarding).toBe(false);
    expect(client).not.toHaveProperty('docker');
  });

  it("counts its containers among the neighbours: each network is one L2 segment with the host's bridge", () => {
    const bare = planned({ containers: [] }).neighbours.estimate;
    const docker: DockerSpec = {
      networks: [{ name: 'shop', subnet: '172.18.0.0/16' }],
      containers: [{ name: 'a' }, { name: 'b' }, { name: 'c', network: 'shop' }, { name: 'd', network: 'none' }, { name: 'e', network: 'host' }],
    };
    expect(planned(docker).neighbours.estimate - bare).toBe(3 * 2 + 2 * 1);
    const many = (length: number): LabPlan => planned({ containers: Array.from({ length }, (_, at) => ({ name: `c${at}` })) });
    expect([many(10).neighbours.mode, many(30).neighbours.mode]).toEqual(['learned', 'permanent']);
  });

  it('gives containers addresses lowest first after the fixed ones, and MACs that hold them', () => {
    const plan = planned({ containers: [{ name: 'a' }, { name: 'b', address: '172.17.0.2' }, { name: 'c' }] });
    expect(addresses(plan)).toEqual({ a: '172.17.0.3', b: '172.17.0.2', c: '172.17.0.4' });
    expect(dockerOf(plan).containers[0]?.interface).toMatchObject({ name: 'eth0', mac: '02:42:ac:11:00:03', gateways: ['172.17.0.1'], mtuBytes: 1500 });
    expect(dockerOf(plan).containers[0]?.interface?.hostName).toMatch(/^veth[0-9a-f]{7}$/);
  });

  it('puts user-defined networks onto the next free pools, past the ranges of the lab', () => {
    const plan = planLab(
      dockerLab(
        { networks: [{ name: 'one' }, { name: 'two' }, { name: 'three', subnet: '172.20.0.0/16' }], containers: [] },
        { underlay: { cidr: '172.18.5.0/24' } },
      ),
    );
    expect(dockerOf(plan).networks.map(({ name, cidr }) => [name, cidr])).toEqual([
      ['bridge', '172.17.0.0/16'],
      ['one', '172.19.0.0/16'],
      ['two', '172.21.0.0/16'],
      ['three', '172.20.0.0/16'],
    ]);
    for (const { bridge, id } of dockerOf(plan).networks.slice(1)) expect(bridge.name).toBe(`br-${id.slice(0, 12)}`);
  });

  it('gives none, host and container:NAME the namespaces that they share or have alone, and no interface', () => {
    const plan = planned({
      containers: [
        { name: 'alone', network: 'none' },
        { name: 'wide', network: 'host', ports: [{ hostPort: 80, containerPort: 80 }] },
        { name: 'web' },
        { name: 'side', network: 'container:web' },
        { name: 'third', network: 'container:side' },
      ],
    });
    expect(Object.fromEntries(dockerOf(plan).containers.map(({ name, netns }) => [name, netns]))).toEqual({
      alone: 'docker.box.alone',
      wide: 'host.box',
      web: 'docker.box.web',
      side: 'docker.box.web',
      third: 'docker.box.web',
    });
    expect(
      dockerOf(plan)
        .containers.filter((one) => one.interface !== null)
        .map(({ name }) => name),
    ).toEqual(['web']);
    expect(dockerOf(plan).containers.flatMap(({ ports }) => ports)).toEqual([]);
  });

  it('renumbers nobody when containers and networks come and go', () => {
    const before = planned({ networks: [{ name: 'one' }, { name: 'two' }], containers: [{ name: 'a' }, { name: 'b' }, { name: 'x', network: 'two' }] });
    const after = planned(
      { networks: [{ name: 'zero' }, { name: 'two' }], containers: [{ name: 'new' }, { name: 'b' }, { name: 'x', network: 'two' }] },
      before,
    );
    expect(addresses(after)).toMatchObject({ b: addresses(before)['b'], x: addresses(before)['x'], new: '172.17.0.2' });
    const { changes, replace } = diffPlans(before, after);
    expect(replace).toBe(false);
    expect(changes.map(({ kind, object, id }) => `${kind} ${object} ${id}`)).toEqual([
      'add network box/zero',
      'remove network box/one',
      'add container box/new',
      'remove container box/a',
    ]);
  });

  it('says what changes of a container, and that Docker itself comes only with a new host', () => {
    const web = (more: Partial<ContainerSpec>): LabPlan => planned({ containers: [{ name: 'web', ...more }] });
    expect(diffPlans(web({}), web({ ports: [{ hostPort: 80, containerPort: 8080 }] })).changes).toMatchObject([
      { kind: 'change', object: 'container', id: 'box/web', inPlace: true, from: 'bridge 172.17.0.2', to: 'bridge 172.17.0.2 0.0.0.0:80->8080/tcp' },
    ]);
    expect(diffPlans(planLab({ ...dockerLab({ containers: [] }), hosts: [{ name: 'box' }, { name: 'client' }] }), web({})).replace).toBe(true);
  });

  it('refuses more containers than a subnet has addresses for', () => {
    const containers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name, network: 'small' }));
    const full = (): LabPlan => planned({ networks: [{ name: 'small', subnet: '172.18.0.0/29' }], containers });
    expect(full).toThrow(SpecError);
    expect(planned({ networks: [{ name: 'small', subnet: '172.18.0.0/29' }], containers: containers.slice(1) }).machines).toHaveLength(2);
  });
});
