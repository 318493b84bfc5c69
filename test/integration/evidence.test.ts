/** `cnilab diagnose` and `cnilab evidence` as a user runs them, as root and in a user namespace. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileOfArchive } from '../../lab/archive-file.ts';
import type { DiagnosisReport } from '../../verify/diagnosis/document.ts';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';

const why = lacking('netns', 'plugins');
const LAB = `
name: ev
clusters:
  - name: c1
    workers: 2
    cni: { type: flannel }
    workloads: [{ name: app, perNode: 1 }]
    objects:
      - { apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: app }, ports: [{ port: 80, protocol: TCP }] } }
`;

describe.skipIf(why !== null).concurrent.each([
  ['as root', {}],
  ['in a user namespace', { CNILAB_ROOTLESS: '1' }],
] as const)(`what is wrong with a lab, %s${why === null ? '' : ` (skipped: ${why})`}`, (_title, env) => {
  it('is named, and collected for others', async () => {
    await using place = new Place([], env);
    const file = join(place.directory, 'lab.yaml');
    writeFileSync(file, LAB);
    const up = await place.cnilab(['up', file]);
    expect(up.stderr).toContain('is up');
    expect((await place.cnilab(['diagnose', 'ev'])).stdout).toContain('nothing found');
    await place.cnilab(['fault', 'inject', 'ev', 'stale-fdb']);

    const diagnosed = await place.cnilab(['diagnose', 'ev', '--json']);
    expect(diagnosed.code).toBe(1);
    const report = JSON.parse(diagnosed.stdout) as DiagnosisReport;
    expect(report.diagnoses[0]).toMatchObject({ name: 'fdb-points-elsewhere', confidence: 'certain', severity: 'fail' });
    expect(report.capture?.packets).not.toEqual([]);

    const archive = join(place.directory, 'e.tgz');
    const collected = await place.cnilab(['evidence', 'ev', '-o', archive]);
    expect([collected.code, collected.stderr]).toEqual([0, expect.stringContaining('wrote')]);
    const bytes = readFileSync(archive);
    expect(bytes.length).toBeLessThan(1_000_000);
    const read = (name: string): string => fileOfArchive(bytes, `ev-evidence/${name}`)?.toString() ?? '';
    for (const name of ['links', 'addresses', 'routes', 'neighbours', 'fdb', 'sysctls', 'counters', 'iptables', 'nft', 'conntrack'])
      expect(read(`nodes/c1/worker1/${name}.txt`), name).not.toBe('');
    expect(read('README.txt')).not.toMatch(/^(cut|not collected):/m);
    expect(read('nodes/c1/worker1/conntrack.txt')).not.toContain('could not be listed');
    expect((JSON.parse(read('verification.json')) as Report).verdict).toBe('fail');
    expect((JSON.parse(read('diagnosis.json')) as DiagnosisReport).diagnoses.map(({ name }) => name)).toContain('fdb-points-elsewhere');
    expect(JSON.parse(read('lab.json'))).toMatchObject({ name: 'ev', faults: [{ id: 'stale-fdb' }] });
    expect(JSON.parse(read('plan.json'))).toMatchObject({ name: 'ev' });
    expect(fileOfArchive(bytes, 'ev-evidence/pair.pcapng')?.readUInt32LE(0)).toBe(0x0a0d0d0a);
    // Nobody's paths, keys or credentials.
    const everything = gunzipSync(bytes).toString('latin1');
    expect(everything).not.toContain(place.directory);
    expect(everything).not.toMatch(/PRIVATE KEY|client-key-data|BEGIN CERTIFICATE|kubeconfig:/);

    expect((await place.cnilab(['evidence', 'ev', '-o', archive])).code).toBe(2);
    expect(readFileSync(archive)).toEqual(bytes);
    await place.cnilab(['down', 'ev']);
    expect(place.leftovers()).toEqual([]);
  });
});
