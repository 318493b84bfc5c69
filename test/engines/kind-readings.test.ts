import { describe, expect, it } from 'vitest';
import { groups } from '../../engines/kubernetes/apply-manifests.ts';
import { collisions, collisionText, networkRanges, routeRanges } from '../../engines/kind/collisions.ts';
import { parseContainers, type Container } from '../../engines/kind/container-engine.ts';
import { alwaysPulled } from '../../engines/kind/images.ts';
import { canonicalImage } from '../../engines/kubernetes/image-name.ts';
import { kindFailure } from '../../engines/kind/kind-failure.ts';
import { kindSteps, parseKindLine } from '../../engines/kind/kind-steps.ts';
import { ownedBy, type Owner } from '../../engines/kind/owner.ts';
import type { EngineEvent } from '../../engines/port.ts';
import { EnvironmentError } from '../../topology/errors.ts';
import { OWNER_MOUNT } from '../../topology/kind-images.ts';
import { smallPlan } from './compile-fixture.ts';

describe("kind's own progress", () => {
  it.each([
    [' • Ensuring node image (kindest/node:v1.34.4) 🖼️  ...', { phase: 'start', step: 'Ensuring node image (kindest/node:v1.34.4)' }],
    [' ✓ Preparing nodes 📦 📦 ', { phase: 'end', step: 'Preparing nodes' }],
    [' • Starting control-plane 🕹️  ...', { phase: 'start', step: 'Starting control-plane' }],
    [' ✗ Writing configuration 📜', { phase: 'failed', step: 'Writing configuration' }],
    [' • Joining worker nodes 🚜  ...', { phase: 'start', step: 'Joining worker nodes' }],
    ['Creating cluster "x" ...', null],
    ['Could not read storage manifest, falling back on old k8s.io/host-path default ...', null],
    ['', null],
  ])('reads %j', (line, read) => {
    expect(parseKindLine(line)).toEqual(read);
  });

  it('gives well nested events, and ends what kind left open', () => {
    const events: EngineEvent[] = [];
    const steps = kindSteps('c', (event) => events.push(event));
    for (const line of [' • Preparing nodes 📦 ...', ' ✓ Preparing nodes 📦', ' • Writing configuration 📜 ...']) steps.onLine(line);
    steps.finish();
    steps.finish();
    expect(events.map(({ step, phase }) => `${phase} ${step}`)).toEqual([
      'start preparing nodes',
      'end preparing nodes',
      'start writing configuration',
      'failed writing configuration',
    ]);
  });
});

describe('what kind says when it fails', () => {
  it.each([
    ['ERROR: failed to create cluster: node(s) already exist for a cluster with the name "x"', 'NAME_TAKEN'],
    ['ERROR: failed to create cluster: failed to pull image "kindest/node:v9": command "docker pull" failed', 'IMAGE_MISSING'],
    ['ERROR: failed to create cluster: docker: Error response from daemon: Bind for 127.0.0.1:80 failed: port is already allocated.', 'ENVIRONMENT_LACKS'],
    ['ERROR: failed to create cluster: write /x: no space left on device', 'ENVIRONMENT_LACKS'],
    ['ERROR: failed to create cluster: could not find a log line that matches "Reached target"', 'ENGINE_STEP_FAILED'],
    ['ERROR: failed to create cluster: unable to decode config: yaml: unmarshal errors: field x not found', 'ENGINE_STEP_FAILED'],
    ['', 'ENGINE_STEP_FAILED'],
  ])('%j is %s', (stderr, code) => {
    const error = kindFailure('x', stderr, 1);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^kind cannot create cluster x: ./);
    expect(error.message).not.toContain('ERROR:');
    expect(error.hint).not.toBe('');
  });

  it('says why a node ended rather than what kind could not do with it', () => {
    const stderr = 'ERROR: failed to create cluster: failed to get kubernetes version from node\n\nCommand Output: container 85dc is not running';
    const error = kindFailure('x', stderr, 1, [
      { name: 'x-worker', log: 'detected cgroup v1\n\u001B[0;1;31mFailed to allocate manager object: Too many open files\u001B[0m\nExiting PID 1...\n' },
    ]);
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error.message).toBe('kind cannot create cluster x: its node x-worker ended: Failed to allocate manager object: Too many open files');
    expect(error.hint).toContain('fs.inotify.max_user_instances');
  });
});

describe('collisions of address ranges', () => {
  const plan = smallPlan({ type: 'flannel' }, { podCIDR: '10.244.0.0/16', serviceCIDR: '10.96.0.0/16' });
  const found = (cidr: string, kind: 'network' | 'route'): readonly string[] => collisions(plan, [{ what: 'it', cidr, kind }]).map(({ range }) => range);
  it.each([
    ['10.0.0.0/8', 'network', 2],
    ['10.244.7.0/24', 'network', 1],
    ['10.96.0.0/16', 'route', 1],
    ['10.244.7.9/32', 'route', 1],
    // The more specific route wins: all but the lab's own range stays reachable.
    ['10.0.0.0/8', 'route', 0],
    ['172.18.0.0/16', 'network', 0],
    ['fd00::/64', 'network', 0],
    ['nonsense', 'network', 0],
  ] as const)('%s of a %s: %i', (cidr, kind, count) => {
    expect(found(cidr, kind)).toHaveLength(count);
  });

  it('names a network once, though it is a route, too', () => {
    const taken = [
      ...routeRanges('[{"dst":"10.244.0.0/24","dev":"br-1"}]', 32),
      ...networkRanges('[{"Name":"old","IPAM":{"Config":[{"Subnet":"10.244.0.0/24"}]}}]'),
    ];
    expect(collisionText(collisions(plan, taken))).toBe('podCIDR 10.244.0.0/16 of cluster c1 overlaps 10.244.0.0/24 (network old)');
  });

  it('reads networks of both engines, and routes', () => {
    expect(networkRanges('[{"Name":"host","IPAM":{"Config":null}},{"name":"podman","subnets":[{"subnet":"10.88.0.0/16"}]}]')).toEqual([
      { what: 'network podman', cidr: '10.88.0.0/16', kind: 'network' },
    ]);
    expect(routeRanges('[{"dst":"default","dev":"e"},{"dst":"10.1.1.1","dev":"e"},{"type":"blackhole","dst":"10.2.0.0/24"}]', 32)).toEqual([
      { what: 'route by e', cidr: '10.1.1.1/32', kind: 'route' },
      { what: 'route by no device', cidr: '10.2.0.0/24', kind: 'route' },
    ]);
    expect(routeRanges('', 128)).toEqual([]);
  });
});

describe('images', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['kindest/node:v1', 'docker.io/kindest/node:v1'],
    ['localhost/x', 'localhost/x:latest'],
    ['registry.example:5000/x', 'registry.example:5000/x:latest'],
    ['ghcr.io/a/b:v1@sha256:00', 'ghcr.io/a/b:v1@sha256:00'],
    ['ghcr.io/a/b@sha256:00', 'ghcr.io/a/b@sha256:00'],
  ])('%s is %s', (image, canonical) => {
    expect(canonicalImage(image)).toBe(canonical);
  });
  it('knows which are pulled always', () => {
    expect(alwaysPulled(['busybox', 'busybox:1', 'a/b:latest', 'a/b@sha256:00'])).toEqual(['busybox', 'a/b:latest']);
  });
});

describe('ownership', () => {
  const owner: Owner = { lab: 'l', directory: '/state/run-1', provider: 'docker', clusters: ['x'], containers: 2, writtenAt: '2026-01-02T00:00:00Z' };
  const container = (name: string, more: Partial<Container> = {}): Container => ({
    id: name,
    name,
    cluster: 'x',
    role: 'worker',
    running: true,
    createdAt: '2026-01-02T00:00:01Z',
    mounts: { [OWNER_MOUNT]: '/state/run-1/owner' },
    ...more,
  });
  const balancer = container('lb', { role: 'external-load-balancer', mounts: {} });
  const owned = (...containers: Container[]): readonly string[] => ownedBy(owner, containers).map(({ name }) => name);

  it('is the mount of the mark, whatever the name', () => {
    expect(owned(container('a'), container('b', { mounts: { [OWNER_MOUNT]: '/state/run-2/owner' } }), container('c', { mounts: {} }))).toEqual(['a']);
    expect(owned(container('mac', { mounts: { [OWNER_MOUNT]: '/host_mnt/state/run-1/owner' } }))).toEqual(['mac']);
  });
  it('of a balancer follows its nodes; without any, the time at which it was made', () => {
    expect(owned(balancer, container('a'))).toEqual(['lb', 'a']);
    expect(owned(balancer, container('other', { mounts: {} }))).toEqual([]);
    expect(owned(balancer)).toEqual(['lb']);
    expect(owned({ ...balancer, createdAt: '2026-01-01T00:00:00Z' })).toEqual([]);
  });
  it('is read from what the engines print', () => {
    const json = JSON.stringify([
      {
        Id: 'i',
        Name: '/x-worker',
        Created: '2026-01-02T00:00:01.5Z',
        State: { Running: true },
        Config: { Labels: { 'io.x-k8s.kind.cluster': 'x', 'io.x-k8s.kind.role': 'worker' } },
        Mounts: [{ Type: 'bind', Source: '/state/run-1/owner', Destination: OWNER_MOUNT }],
      },
      { Id: 'j', Name: 'web', Created: '', State: {}, Config: { Labels: null } },
    ]);
    expect(parseContainers(json)).toMatchObject([
      { name: 'x-worker', cluster: 'x', role: 'worker', running: true, mounts: { [OWNER_MOUNT]: '/state/run-1/owner' } },
      { name: 'web', cluster: '', running: false, mounts: {} },
    ]);
  });
});

it('groups neighbours in order', () => {
  expect(groups([1, 3, 2, 4, 5], (n) => n % 2 === 0)).toEqual([[1, 3], [2, 4], [5]]);
  expect(groups([], () => true)).toEqual([]);
});
