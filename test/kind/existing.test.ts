/** Any cluster by its kubeconfig: verified from inside, left as it was found; and manifests that its API server takes. */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../verify/report.ts';
import { Place, root } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { RealLab, verdicts } from './real.ts';

const why = lacking('kind', 'plugins');

const YAML = `name: real-existing
clusters:
  - name: c1
    cni: { type: flannel }
`;

describe.skipIf(why !== null)(`a cluster that exists${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  let kubeconfig: string;

  beforeAll(async () => {
    place = new Place();
    const lab = await RealLab.create(place, 'real-existing', YAML);
    kubeconfig = await lab.kubeconfig();
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  const kubectl = (words: readonly string[], input?: string): string =>
    execFileSync('kubectl', ['--kubeconfig', kubeconfig, ...words], {
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
      maxBuffer: 64 * 1024 * 1024,
    });
  const verifications = (): string => kubectl(['get', 'namespaces', '--selector', 'cnilab.dev/verification', '--output', 'name']);

  it('is verified by its kubeconfig alone, and nothing stays behind', async () => {
    const { code, stdout, stderr } = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--json']);
    expect(stderr).not.toMatch(/error/i);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ engine: 'existing', verdict: 'pass' });
    expect(verdicts(report)).toEqual({ R1: 'pass', R2: 'pass', R3: 'pass' });
    expect(report.notLookedAt.join('\n')).toContain('cannot be entered');
    expect(verifications()).toBe('');
  });

  it('is verified in every profile', async () => {
    const current = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--profile', 'current', '--json']);
    expect(current.code).toBe(0);
    // flannel masquerades what pods send to nodes: strict says so, and only strict.
    const strict = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--profile', 'strict', '--json']);
    expect(strict.code).toBe(1);
    const report = JSON.parse(strict.stdout) as Report;
    // Nodes are peers then, and see another address than the pod itself.
    expect(verdicts(report)).toEqual({ R1: 'pass', R2: 'fail', R3: 'fail' });
    expect(report.checks.find((check) => check.id === 'r2-pod-to-node')).toMatchObject({ verdict: 'fail' });
  });

  it('says which rules are missing, and is verified by whoever has them', async () => {
    kubectl(['create', 'serviceaccount', 'guest']);
    const server = kubectl(['config', 'view', '--minify', '--output', 'jsonpath={.clusters[0].cluster.server}']);
    const authority = kubectl(['config', 'view', '--minify', '--raw', '--output', 'jsonpath={.clusters[0].cluster.certificate-authority-data}']);
    const token = kubectl(['create', 'token', 'guest']).trim();
    const guest = join(place.directory, 'guest.kubeconfig');
    writeFileSync(
      guest,
      `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "${server}", certificate-authority-data: "${authority}" } }]
users: [{ name: u, user: { token: "${token}" } }]
contexts: [{ name: guest, context: { cluster: c, user: u } }]
current-context: guest
`,
      { mode: 0o600 },
    );
    const refused = await place.cnilab(['verify', '--kubeconfig', guest]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('errors.md#forbidden_by_cluster');
    expect(refused.stderr).toContain('- {apiGroups: [""], resources: ["nodes"], verbs: ["get", "list"]}');
    expect(verifications()).toBe('');

    // What the lab's files offer for reading is enough.
    const out = join(place.directory, 'out');
    const synth = await place.cnilab(['synth', join(place.directory, 'real-existing.yaml'), '--engine', 'kind', '-o', out]);
    expect(synth.code).toBe(0);
    const files = execFileSync('grep', ['-rl', 'kind: ClusterRole', join(out, 'verify')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(files).toHaveLength(1);
    kubectl(['apply', '--filename', files[0] ?? '']);
    const roles = kubectl(['get', '--filename', files[0] ?? '', '--output', 'jsonpath={.items[*].metadata.name}']).split(/\s+/);
    for (const role of roles) kubectl(['create', 'clusterrolebinding', role, '--clusterrole', role, '--serviceaccount', 'default:guest']);
    const allowed = await place.cnilab(['verify', '--kubeconfig', guest, '--json']);
    expect(allowed.stderr).not.toContain('FORBIDDEN');
    expect(allowed.code).toBe(0);
    expect(verifications()).toBe('');
  });

  it('is clean after Ctrl-C, and after kill -9 once it is cleaned', async () => {
    const begin = (): { child: ReturnType<typeof spawn>; ended: Promise<number | null> } => {
      const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'verify', '--kubeconfig', kubeconfig], {
        env: place.environment,
        stdio: 'ignore',
        // A group of its own, as a terminal gives each command.
        detached: true,
      });
      return { child, ended: new Promise((resolve) => child.on('close', resolve)) };
    };
    const first = begin();
    await expect.poll(verifications, { timeout: 30_000, interval: 200 }).not.toBe('');
    // Ctrl-C reaches every process of the group.
    process.kill(-(first.child.pid ?? Number.NaN), 'SIGINT');
    expect(await first.ended).toBe(130);
    expect(verifications()).toBe('');

    const second = begin();
    await expect.poll(verifications, { timeout: 30_000, interval: 200 }).not.toBe('');
    second.child.kill('SIGKILL');
    await second.ended;
    expect(verifications()).not.toBe('');
    const kept = await place.cnilab(['down', '--kubeconfig', kubeconfig]);
    expect(kept.stderr).toMatch(/left cnilab-verify-\w+: its verification may still run/);
    expect(verifications()).not.toBe('');
    const cleaned = await place.cnilab(['down', '--kubeconfig', kubeconfig, '--force']);
    expect(cleaned.stderr).toContain('removed cnilab-verify-');
    expect(cleaned.code).toBe(0);
    expect(verifications()).toBe('');
  });

  it('says what is wrong with a kubeconfig', async () => {
    const context = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--context', 'elsewhere']);
    expect(context.stderr).toMatch(/kind-cnilab-real-existing[\s\S]*errors\.md#kubeconfig_invalid/);
    expect(context.code).toBe(2);
    const missing = await place.cnilab(['verify', '--kubeconfig', '/nowhere/kubeconfig']);
    expect(missing.stderr).toContain('errors.md#kubeconfig_invalid');
    const dead = join(place.directory, 'dead.kubeconfig');
    writeFileSync(
      dead,
      'apiVersion: v1\nkind: Config\nclusters: [{ name: c, cluster: { server: "https://127.0.0.1:9" } }]\nusers: [{ name: u, user: { token: none } }]\ncontexts: [{ name: dead, context: { cluster: c, user: u } }]\ncurrent-context: dead\n',
    );
    const unreachable = await place.cnilab(['verify', '--kubeconfig', dead]);
    expect(unreachable.stderr).toContain('errors.md#cluster_unreachable');
    expect(unreachable.code).toBe(3);
  });
});
