import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyManifests } from '../../engines/kubernetes/apply-manifests.ts';
import { keepEvidence } from '../../engines/kind/failure-evidence.ts';
import { withEvidence } from '../../engines/kubernetes/failure-evidence.ts';
import { loadImages } from '../../engines/kind/images.ts';
import { kindDeps } from '../../engines/kind/kind-deps.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import type { KubernetesAccess } from '../../engines/port.ts';
import type { FinishedCommand } from '../../engines/run-command.ts';
import { CommandError, EnvironmentError, LabError } from '../../topology/errors.ts';
import { fakeArtifacts } from '../contract/fake-kind.ts';
import { useScratch } from '../lab/scratch.ts';
import { smallPlan } from './compile-fixture.ts';

const scratch = useScratch();
const done = (stdout = ''): FinishedCommand => ({ exitCode: 0, stdout, stderr: '', failure: '' });
const failed = (stderr: string): FinishedCommand => ({ exitCode: 1, stdout: '', stderr, failure: '' });
const access: KubernetesAccess = { cluster: 'c', kubeconfig: '/k', context: null, onNode: null };
const signal = new AbortController().signal;

describe('applying manifests', () => {
  const applyAfter = async (stderr: string): Promise<number> => {
    let calls = 0;
    const kubectl = kubectlFor(access, { run: async () => await Promise.resolve(calls++ === 0 ? failed(stderr) : done()) });
    const artifacts = fakeArtifacts(smallPlan({ type: 'flannel' }));
    await applyManifests(kubectl, { artifacts, directory: '/d', paths: ['workloads/00-web.yaml'], signal });
    return calls;
  };
  it.each([
    'Error from server (Forbidden): error when creating "a.yaml": pods "a" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
    'The connection to the server 127.0.0.1:40000 was refused - did you specify the right host or port?',
    'error: resource mapping not found for name: "x": no matches for kind "X" in version "x/v1"\nensure CRDs are installed first',
  ])('is tried again after: %s', async (stderr) => {
    expect(await applyAfter(stderr)).toBe(2);
  });
  it.each(['The Pod "a" is invalid: spec: Forbidden', 'Error from server (Forbidden): pods is forbidden: User "u" cannot patch resource "pods"'])(
    'ends at once after: %s',
    async (stderr) => {
      await expect(applyAfter(stderr)).rejects.toBeInstanceOf(LabError);
    },
  );
});

describe('ports of this machine', () => {
  it('are in use only when somebody listens on them', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const mapping = { node: 'n', containerPort: 80, hostPort: port, listenAddress: '127.0.0.1', protocol: 'TCP' as const };
    expect(await kindDeps.portInUse(mapping)).toBe(true);
    expect(await kindDeps.portInUse({ ...mapping, protocol: 'UDP' })).toBe(false);
    // No address of this machine (RFC 5737): EADDRNOTAVAIL.
    expect(await kindDeps.portInUse({ ...mapping, listenAddress: '192.0.2.1' })).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await kindDeps.portInUse(mapping)).toBe(false);
  });
});

describe('loading images', () => {
  const request = { cluster: 'c', node: 'c-worker', needed: [], wanted: ['localhost/a:1'], offline: false, signal } as const;
  it('of Podman goes through a file, which is removed, also when kind fails', async () => {
    for (const fails of [false, true]) {
      const ran: string[] = [];
      const archive = join(scratch.folder, 'images.tar');
      const loading = loadImages(
        {
          run: async (argv) => {
            if (argv[1] === 'save') writeFileSync(archive, '');
            if (argv[1] !== 'exec') ran.push(argv.join(' '));
            return await Promise.resolve(fails && argv[0] === 'kind' ? failed('ERROR: no') : done());
          },
        },
        { ...request, directory: scratch.folder, provider: 'podman' },
      );
      if (fails) await expect(loading).rejects.toMatchObject({ code: 'ENGINE_STEP_FAILED', message: 'localhost/a:1 cannot be loaded into c: ERROR: no' });
      else expect(await loading).toEqual(['localhost/a:1']);
      expect(ran).toEqual([`podman save --quiet --multi-image-archive --output ${archive} localhost/a:1`, `kind load image-archive --name c ${archive}`]);
      expect(existsSync(archive)).toBe(false);
    }
  });
  it('does not take a node that does not answer for one without images', async () => {
    const run = async (): Promise<FinishedCommand> => await Promise.resolve(failed('ctr: no socket'));
    await expect(loadImages({ run }, { ...request, directory: scratch.folder, provider: 'docker' })).rejects.toMatchObject({
      message: 'node c-worker does not say which images it has: ctr: no socket',
    });
  });
});

describe('evidence', () => {
  it('has no secrets in what kind and the nodes wrote', async () => {
    const directory = join(scratch.folder, 'e');
    mkdirSync(directory);
    const node = {
      Id: 'i',
      Name: '/c-worker',
      Created: '',
      State: { Running: false },
      Config: { Labels: { 'io.x-k8s.kind.cluster': 'c' } },
      Mounts: [],
    };
    const answers: Readonly<Record<string, FinishedCommand>> = { ps: done('i\n'), inspect: done(JSON.stringify([node])), logs: done('password: hunter2\n') };
    const kept = await keepEvidence(
      { ...kindDeps, evidenceDirectory: () => directory, run: async ([, verb = '']) => await Promise.resolve(answers[verb] ?? done()) },
      { lab: 'l', provider: 'docker', engineName: 'c', access: { ...access, kubeconfig: join(directory, 'none') }, kindOutput: 'token: abcdef.0123' },
    );
    expect(readFileSync(join(kept ?? '', 'kind.txt'), 'utf8')).toBe('token: (removed)');
    expect(readFileSync(join(kept ?? '', 'c-worker.txt'), 'utf8')).toContain('password: (removed)');
  });
  it('is named by an error of the same class, with its cause', () => {
    const cause = new Error('why');
    for (const Class of [LabError, CommandError, EnvironmentError]) {
      const named = withEvidence(new Class({ code: 'COMMAND_FAILED', message: 'm', hint: 'h', details: { a: 1 }, cause }), '/e');
      expect((named as Error).constructor).toBe(Class);
      expect(named).toMatchObject({ name: Class.name, cause, details: { a: 1, evidence: '/e' } });
    }
  });
});
