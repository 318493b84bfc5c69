import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Room → rooms and packages it may import at run time. Types of engines/port.ts and verify/report.ts are allowed where `types` says so. */
const rooms: Readonly<Record<string, { readonly rooms: readonly string[]; readonly types: readonly string[]; readonly packages: readonly string[] }>> = {
  topology: { rooms: [], types: [], packages: ['zod', 'semver'] },
  constructs: { rooms: ['topology'], types: [], packages: ['constructs', 'cdk8s'] },
  engines: { rooms: ['topology'], types: [], packages: ['koffi', 'execa'] },
  verify: { rooms: ['topology'], types: ['engines/port.ts'], packages: ['vitest'] },
  report: { rooms: ['topology'], types: ['verify/', 'engines/port.ts'], packages: [] },
  lab: { rooms: ['topology', 'constructs', 'engines', 'verify'], types: [], packages: ['yaml', 'tsx'] },
  pulumi: { rooms: ['topology', 'constructs', 'engines', 'verify', 'report', 'lab'], types: [], packages: ['@pulumi/pulumi', '@pulumi/kubernetes', 'yaml'] },
  cli: { rooms: ['topology', 'constructs', 'engines', 'verify', 'report', 'lab'], types: [], packages: ['commander', 'yaml'] },
};
/** Builtins that only some rooms may use. */
const builtins: Readonly<Record<string, readonly string[]>> = {
  'node:child_process': ['engines', 'lab'],
  'node:fs': ['engines', 'lab', 'cli'],
  'node:fs/promises': ['engines', 'lab', 'cli'],
  'node:net': ['topology', 'engines', 'lab'],
};
/** The files of a room that may use a package. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  zod: ['topology/schema.ts', 'topology/schema-fields.ts', 'topology/docker/schema.ts', 'topology/lesson/schema.ts'],
  execa: ['engines/run-command.ts'],
};

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && e.name.endsWith('.ts'))
    .map((e) => relative(root, join(e.parentPath, e.name)));
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function edges(file: string): readonly Edge[] {
  // Comments may hold example imports.
  const text = readFileSync(join(root, file), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '');
  const found: Edge[] = [];
  for (const m of text.matchAll(/^\s*(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+'([^']+)'/gm))
    found.push({ from: file, to: m[2] ?? '', typeOnly: m[1] !== undefined });
  for (const m of text.matchAll(/^\s*import\s+'([^']+)'/gm)) found.push({ from: file, to: m[1] ?? '', typeOnly: false });
  for (const m of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) found.push({ from: file, to: m[1] ?? '', typeOnly: false });
  return found;
}

function forbidden({ from, to, typeOnly }: Edge): string | null {
  const room = from.split('/')[0] ?? '';
  const may = rooms[room];
  if (may === undefined) return null;
  if (to.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(from), to));
    const other = target.split('/')[0] ?? '';
    if (other === room || may.rooms.includes(other)) return null;
    if (typeOnly && may.types.some((t) => target.startsWith(t))) return null;
    return `${from} → ${target}: ${room} may import ${[...may.rooms, ...may.types.map((t) => `types of ${t}`)].join(', ') || 'no other room'}`;
  }
  if (to.startsWith('node:')) {
    const allowed = builtins[to];
    return allowed === undefined || allowed.includes(room) ? null : `${from} → ${to}: only ${allowed.join(', ')} may`;
  }
  const name = to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : (to.split('/')[0] ?? to);
  if (!may.packages.includes(name)) return `${from} → ${to}: ${room} may use ${may.packages.join(', ') || 'no package'}`;
  const files = onlyIn[name];
  return files === undefined || files.includes(from) ? null : `${from} → ${to}: only ${files.join(', ')} may`;
}

/** Folders of engines: `engines/kubernetes` is what those with an API share. */
const ENGINES = readdirSync(join(root, 'engines'), { withFileTypes: true })
  .filter((one) => one.isDirectory() && one.name !== 'kubernetes')
  .map(({ name }) => name);

describe('rooms', () => {
  it.each(Object.keys(rooms))('%s imports only what it may', (room) => {
    const offending = sources(room)
      .flatMap(edges)
      .map(forbidden)
      .filter((e) => e !== null);
    expect(offending).toEqual([]);
  });

  it('sees a forbidden edge when there is one', () => {
    expect(forbidden({ from: 'topology/plan-lab.ts', to: '../lab/up.ts', typeOnly: false })).toContain('topology/plan-lab.ts → lab/up.ts');
    expect(forbidden({ from: 'verify/oracle.ts', to: '../engines/port.ts', typeOnly: false })).toContain('engines/port.ts');
    expect(forbidden({ from: 'verify/oracle.ts', to: '../engines/port.ts', typeOnly: true })).toBeNull();
    expect(forbidden({ from: 'lab/up.ts', to: 'execa', typeOnly: false })).toContain('lab may use');
  });

  it('keeps engines apart: none imports another, and what they share imports none', () => {
    const offending = sources('engines')
      .filter((file) => file !== 'engines/registry.ts')
      .flatMap(edges)
      .filter(({ to }) => to.startsWith('.'))
      .map(({ from, to }) => ({ from, own: from.split('/')[1] ?? '', other: relative(root, resolve(root, dirname(from), to)).split('/')[1] ?? '' }))
      .filter(({ own, other }) => ENGINES.includes(other) && other !== own)
      .map(({ from, other }) => `${from} → engines/${other}`);
    expect(offending).toEqual([]);
    expect(ENGINES).toContain('netns');
  });

  it('has no catch-all folder or file', () => {
    const names = Object.keys(rooms)
      .flatMap(sources)
      .filter((f) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.ts$)/.test(f));
    expect(names).toEqual([]);
  });

  it('prints only in cli', () => {
    const printing = Object.keys(rooms)
      .filter((r) => r !== 'cli')
      .flatMap(sources)
      .filter((f) => !f.startsWith('engines/netns/agent/') && f !== 'lab/load-child.ts')
      .filter((f) =>
        /\bconsole\.|process\.(stdout|stderr)\.write|process\.exit\b/.test(
          readFileSync(join(root, f), 'utf8')
            .replaceAll(/\/\*[\s\S]*?\*\//g, '')
            .replaceAll(/\/\/.*$/gm, ''),
        ),
      );
    expect(printing).toEqual([]);
  });
});
