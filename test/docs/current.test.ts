import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pages } from '../../scripts/docs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

describe('generated pages', () => {
  it.each(Object.keys(pages))('%s is current (npm run docs)', (path) => {
    expect(read(path)).toBe(pages[path]?.());
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
    ];
    const broken = documents.flatMap((doc) =>
      [...read(doc).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((m) => m[1] ?? '')
        .filter((target) => {
          try {
            read(`${doc.includes('/') ? 'docs/' : ''}${target}`);
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
