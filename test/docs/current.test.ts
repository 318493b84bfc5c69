import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pages } from '../../scripts/docs.ts';
import { labPages } from '../../scripts/lab-pages.ts';
import { keptMatrix } from '../../scripts/kill-matrix-page.ts';
import { selfTestLabs } from '../../lab/selftest-labs.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { faultApplies, faults } from '../../verify/faults/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

describe('generated pages', () => {
  it.each(Object.keys(pages))('%s is current (npm run docs)', (path) => {
    expect(read(path)).toBe(pages[path]?.());
  });
});

describe('pages of the labs', async () => {
  const labs = await labPages();

  it('every lab file can be planned, and every lesson filled in', () => {
    expect(labs.broken).toEqual([]);
  });

  it.each(Object.keys(labs.pages))('%s is current (npm run docs)', (path) => {
    expect(read(path)).toBe(labs.pages[path]);
  });

  it('there is no page of a lab that is gone', () => {
    expect(
      readdirSync(`${root}docs/labs`)
        .map((name) => `docs/labs/${name}`)
        .toSorted(),
    ).toEqual(Object.keys(labs.pages).toSorted());
  });
});

describe('the kill matrix', () => {
  const kept = keptMatrix();

  it('has a row for each fault of the library, and no other (npm run kill-matrix)', () => {
    expect(kept.rows.map((row) => row.fault)).toEqual(faults.map((fault) => fault.id));
    expect(kept.labs).toEqual(selfTestLabs.map((lab) => lab.name));
  });

  it.each(faults.map((fault) => [fault.id, fault] as const))('agrees with what %s says of itself', (id, fault) => {
    const row = kept.rows.find((one) => one.fault === id);
    expect(row).toMatchObject({ layer: fault.layer, check: fault.check, diagnosis: fault.diagnosis });
    if (fault.severity !== 'warn') expect(row?.failed).toContain(fault.check);
    const able = selfTestLabs.filter((lab) => faultApplies(fault, planLab(lab)) === true).map((lab) => lab.name);
    expect(row?.labs).toEqual(able);
  });
});

describe('written pages', () => {
  it('explain every error code', () => {
    const codes = [...(/export type LabErrorCode =([\s\S]*?);/.exec(read('topology/errors.ts'))?.[1] ?? '').matchAll(/'([A-Z_]+)'/g)].map((m) => m[1] ?? '');
    expect(codes.length).toBeGreaterThan(20);
    const headings = new Set([...read('docs/errors.md').matchAll(/^## ([A-Z_]+)$/gm)].map((m) => m[1]));
    expect(codes.filter((c) => !headings.has(c))).toEqual([]);
  });

  it('explain every diagnostic code of planning', () => {
    const files = [
      ...['rules', 'services'].flatMap((room) =>
        readdirSync(`${root}topology/${room}`, { withFileTypes: true })
          .filter((f) => f.isFile())
          .map((f) => `topology/${room}/${f.name}`),
      ),
      'topology/schema-diagnostics.ts',
      'topology/cidr.ts',
      'topology/plan-cluster.ts',
      'topology/kind-refusals.ts',
      'topology/netns-refusals.ts',
      'topology/vm-refusals.ts',
      'lab/lab-yaml.ts',
      'lab/data-findings.ts',
    ];
    const codes = new Set(files.flatMap((f) => [...read(f).matchAll(/'([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)'/g)].map((m) => m[1] ?? '')));
    expect(codes.size).toBeGreaterThan(60);
    const documented = read('docs/diagnostics.md') + read('docs/errors.md');
    expect([...codes].filter((c) => !documented.includes(c))).toEqual([]);
  });

  it('link to files that exist', () => {
    const documents = [
      'README.md',
      'CONTRIBUTING.md',
      ...readdirSync(`${root}docs`)
        .filter((f) => f.endsWith('.md'))
        .map((f) => `docs/${f}`),
      ...readdirSync(`${root}docs/labs`)
        .filter((f) => f.endsWith('.md'))
        .map((f) => `docs/labs/${f}`),
    ];
    const broken = documents.flatMap((doc) =>
      [...read(doc).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((m) => m[1] ?? '')
        .filter((target) => {
          try {
            read(join(dirname(doc), target));
            return false;
          } catch (error) {
            return (error as NodeJS.ErrnoException).code !== 'EISDIR';
          }
        })
        .map((target) => `${doc} → ${target}`),
    );
    expect(broken).toEqual([]);
  });
});
