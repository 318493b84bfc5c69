import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadLab, type LoadOptions } from '../../lab/load-lab.ts';
import { LabError } from '../../topology/errors.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();

/** Loads a file that must not load, and gives what a user would see. */
async function failure(path: string, options: LoadOptions = {}): Promise<{ code: string; message: string; hint: string }> {
  try {
    await loadLab(path, options);
  } catch (error) {
    if (error instanceof LabError) return { code: error.code, message: error.message.replaceAll(`${scratch.folder}/`, ''), hint: error.hint };
    throw error;
  }
  throw new Error(`${path} loaded`);
}

const PLAIN = `export default { name: 'plain', clusters: [{ name: 'c1', cni: { type: 'bridge' } }] };\n`;
const spec = { name: 'plain', clusters: [{ name: 'c1', cni: { type: 'bridge' } }] };

describe('what a TypeScript lab may export', () => {
  it.each([
    ['a plain object by default', PLAIN],
    ['a plain object as `lab`', PLAIN.replace('export default', 'export const lab =')],
    ['a promise', PLAIN.replace('export default', 'export default Promise.resolve(').replace('};', '});')],
    ['a function', PLAIN.replace('export default', 'export default () => (').replace('};', '});')],
    ['an async function', PLAIN.replace('export default', 'export default async () => (').replace('};', '});')],
    ['the same lab twice', `${PLAIN.replace('export default', 'export const lab =')}export default lab;\n`],
  ])('%s', async (_, text) => {
    expect((await loadLab(scratch.write('lab.ts', text))).input).toEqual(spec);
  });

  it('a Lab construct, from a folder where cnilab does not resolve', async () => {
    const file = scratch.write(
      'lab.ts',
      `import { BridgeCni, Cluster, Lab } from 'cnilab';
const lab: Lab = new Lab({ name: 'plain' });
new Cluster(lab, 'c1', { cni: new BridgeCni() });
export default lab;
`,
    );
    expect((await loadLab(file)).input).toEqual(spec);
  });

  it('awaits at its top level, imports its neighbours, and is an ES module whatever its package.json says', async () => {
    scratch.write('package.json', '{"name":"x","type":"commonjs"}');
    scratch.write('shared/cni.ts', `export const cni: { type: 'bridge' } = await Promise.resolve({ type: 'bridge' });\n`);
    const file = scratch.write('lab.ts', `import { cni } from './shared/cni.js';\nexport default { name: 'plain', clusters: [{ name: 'c1', cni }] };\n`);
    expect((await loadLab(file)).input).toEqual(spec);
  });

  it('keeps timers and servers open, and is loaded all the same', async () => {
    const file = scratch.write(
      'lab.ts',
      `import { createServer } from 'node:net';\nsetInterval(() => {}, 1000);\ncreateServer().listen(0, '127.0.0.1');\n${PLAIN}`,
    );
    expect((await loadLab(file)).input).toEqual(spec);
  });

  it('is plain JavaScript', async () => {
    expect((await loadLab(scratch.write('lab.mjs', PLAIN))).kind).toBe('typescript');
  });
});

describe('a lab file that cannot be loaded', () => {
  it('is not there: near names are suggested', async () => {
    scratch.write('labs/flannel-vxlan.ts', PLAIN);
    const { code, hint } = await failure(join(scratch.folder, 'labs', 'flanel-vxlan.ts'));
    expect(code).toBe('LAB_FILE_NOT_FOUND');
    expect(hint).toMatch(/^did you mean .*labs\/flannel-vxlan\.ts\?$/);
  });

  it('has another ending', async () => {
    expect((await failure(scratch.write('lab.txt', ''))).code).toBe('USAGE');
  });

  it('throws: the message, and where', async () => {
    const file = scratch.write(
      'lab.ts',
      `interface Unused { readonly a: string }\n\nfunction f(): Unused {\n  throw new TypeError('no such thing');\n}\nexport default f();\n`,
    );
    expect(await failure(file)).toMatchObject({ code: 'LAB_FILE_THROWS', message: 'lab.ts:4:9: no such thing' });
  });

  it('throws in a file that it imports', async () => {
    scratch.write('other.ts', `export function make(): never {\n  throw new Error('from afar');\n}\n`);
    expect((await failure(scratch.write('lab.ts', `import { make } from './other.ts';\nmake();\n`))).message).toBe('lab.ts:2:1: from afar');
    expect(await failure(scratch.write('lab2.ts', `import './third.ts';\n`))).toMatchObject({
      code: 'LAB_FILE_THROWS',
      message: expect.stringContaining('third.ts'),
    });
  });

  it('throws something that is no error', async () => {
    expect((await failure(scratch.write('lab.ts', `throw 'just words';\n`))).message).toContain('just words');
  });

  it('throws later, while it is awaited', async () => {
    const file = scratch.write(
      'lab.ts',
      `setTimeout(() => { throw new Error('late'); }, 1);\nexport default new Promise(() => { setInterval(() => {}, 1000); });\n`,
    );
    expect(await failure(file)).toMatchObject({ code: 'LAB_FILE_THROWS', message: 'lab.ts:1:26: late' });
  });

  it('is refused by its constructs, each problem with its path', async () => {
    const file = scratch.write(
      'lab.ts',
      `import { BridgeCni, Cluster, Deployment, Lab, PodsPerNode } from 'cnilab';
const lab = new Lab({ name: 'wrong' });
const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
new PodsPerNode(cluster, 'web', { count: 0 });
new Deployment(cluster, 'api', { replicas: 1.5 });
export default lab;
`,
    );
    const { code, message } = await failure(file);
    expect(code).toBe('LAB_FILE_THROWS');
    expect(message).toContain('[c1/web] count is 0: give a whole number of at least 1');
    expect(message).toContain('[c1/api] replicas is 1.5');
  });

  it('holds what JSON cannot: the path is named', async () => {
    expect((await failure(scratch.write('lab.ts', `export default { name: 'x', clusters: [{ name: () => 'c1' }] };\n`))).message).toContain(
      '[clusters.0.name] a function cannot be written as JSON',
    );
  });

  it.each([
    ['nothing', 'export {};\n', 'exports no lab'],
    ['a string', `export default 'lab';\n`, 'its default export is a string, not a lab'],
    ['null', 'export default null;\n', 'its default export is null, not a lab'],
    ['two labs', `export const lab = { name: 'a' };\nexport default { name: 'b' };\n`, 'exports two labs: by default, and as `lab`'],
    ['a lab of another name', `import { Lab } from 'cnilab';\nexport const one = new Lab({ name: 'one' });\n`, 'exports a lab under the name one only'],
    [
      'several labs',
      `import { Lab } from 'cnilab';\nexport const one = new Lab({ name: 'one' }), two = new Lab({ name: 'two' });\n`,
      'exports several labs (one, two) and none by default',
    ],
    [
      'labs in an object',
      `import { Lab } from 'cnilab';\nexport default { one: new Lab({ name: 'one' }), two: new Lab({ name: 'two' }) };\n`,
      'its default export holds several things, among them the labs one, two',
    ],
  ])('exports %s', async (_, text, message) => {
    expect(await failure(scratch.write('lab.ts', text))).toMatchObject({ code: 'LAB_FILE_EXPORTS_NOTHING', message: `lab.ts: ${message}` });
  });

  it.each([
    ['TypeScript', 'lab.ts', `const a: number = 1;\nconst b = = 2;\n`, /^lab\.ts:2:11: Unexpected "="$/],
    ['JavaScript', 'lab.mjs', `const a = 1;\nconst b = = 2;\n`, /^lab\.mjs:2: Unexpected token '='$/],
    ['a name that is not exported', 'lab.ts', `\nimport { Labb } from 'cnilab';\nexport default new Labb();\n`, /^lab\.ts:2: .*Labb/],
  ])('has a syntax error in %s', async (_, name, text, message) => {
    expect(await failure(scratch.write(name, text))).toMatchObject({ code: 'LAB_FILE_SYNTAX', message: expect.stringMatching(message) });
  });

  it.each([
    ['an endless loop', 'for (;;) {}\n'],
    ['an endless await', 'setInterval(() => {}, 1000);\nawait new Promise(() => {});\n'],
    ['an endless exported promise', 'setInterval(() => {}, 1000);\nexport default new Promise(() => {});\n'],
  ])('never ends: %s', async (_, text) => {
    const startedAt = performance.now();
    expect(await failure(scratch.write('lab.ts', text), { timeoutMs: 1500 })).toMatchObject({
      code: 'LAB_FILE_TIMEOUT',
      message: 'lab.ts: was still loading after 1.5 s and was killed',
    });
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });

  it('never ends, and whoever waits for it is killed: the loader ends itself', async () => {
    const file = scratch.write('lab.ts', 'for (;;) {}\n');
    const script = `import { loadLab } from ${JSON.stringify(new URL('../../dist/lab/load-lab.js', import.meta.url).href)}; await loadLab(${JSON.stringify(file)});`;
    const waiting = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    await expect.poll(() => loadersOf(file).length, { timeout: 5000 }).toBe(1);
    waiting.kill('SIGKILL');
    await expect.poll(() => loadersOf(file), { timeout: 5000 }).toEqual([]);
  });

  it('awaits what can no longer happen: said at once', async () => {
    expect(await failure(scratch.write('lab.ts', 'await new Promise(() => {});\n'))).toMatchObject({
      code: 'LAB_FILE_TIMEOUT',
      message: expect.stringContaining('never happens'),
    });
  });

  it('calls process.exit', async () => {
    expect(await failure(scratch.write('lab.ts', `\nprocess.exit(0);\n${PLAIN}`))).toMatchObject({
      code: 'LAB_FILE_THROWS',
      message: 'lab.ts:2:9: ends its process with code 0 before there is a lab',
    });
  });

  it('kills its own process', async () => {
    expect(await failure(scratch.write('lab.ts', `process.kill(process.pid, 'SIGKILL');\nawait new Promise((r) => setTimeout(r, 1000));\n`))).toMatchObject({
      code: 'LAB_FILE_THROWS',
      message: expect.stringContaining('by SIGKILL'),
    });
  });
});

describe('the cache', () => {
  /** A lab whose result says when it was run. */
  const stamped = (extra = ''): string => `${extra}\nexport default { name: 'stamped', description: String(process.hrtime.bigint()) };\n`;
  const stamp = async (file: string): Promise<string> => ((await loadLab(file)).input as { description: string }).description;

  it('holds while nothing changes, and not longer', async () => {
    const file = scratch.write('lab.ts', stamped());
    const first = await stamp(file);
    expect(await stamp(file)).toBe(first);
    scratch.write('lab.ts', `${stamped()}\n`);
    expect(await stamp(file)).not.toBe(first);
  });

  it('is quick: no process is started', async () => {
    const file = scratch.write('lab.ts', stamped());
    const startedAt = performance.now();
    await stamp(file);
    const loadedAt = performance.now();
    await stamp(file);
    // A process that loads tsx takes at least ten times as long as reading the cache.
    expect(performance.now() - loadedAt).toBeLessThan((loadedAt - startedAt) / 4);
  });

  it('sees a change of an imported file, however deep', async () => {
    scratch.write('a.ts', `export { b } from './b.ts';\n`);
    scratch.write('b.ts', 'export const b = 1;\n');
    const file = scratch.write('lab.ts', stamped(`import { b } from './a.ts';\nvoid b;`));
    const first = await stamp(file);
    expect(await stamp(file)).toBe(first);
    scratch.write('b.ts', 'export const b = 2;\n');
    expect(await stamp(file)).not.toBe(first);
  });

  it('sees a change of a package', async () => {
    scratch.write('node_modules/p/package.json', '{"name":"p","type":"module","exports":"./p.js"}');
    scratch.write('node_modules/p/p.js', 'export const p = 1;\n');
    const file = scratch.write('lab.ts', stamped(`import { p } from 'p';\nvoid p;`));
    const first = await stamp(file);
    expect(await stamp(file)).toBe(first);
    scratch.write('node_modules/p/p.js', 'export const p = 12;\n');
    expect(await stamp(file)).not.toBe(first);
  });

  it('sees a change of an environment variable that was read, and of no other; keeps no values', async () => {
    const file = scratch.write('lab.ts', stamped('void process.env.CNILAB_TEST_READ;'));
    try {
      process.env['CNILAB_TEST_READ'] = 'one';
      const first = await stamp(file);
      process.env['CNILAB_TEST_OTHER'] = 'x';
      expect(await stamp(file)).toBe(first);
      process.env['CNILAB_TEST_READ'] = 'two';
      expect(await stamp(file)).not.toBe(first);
    } finally {
      delete process.env['CNILAB_TEST_READ'];
      delete process.env['CNILAB_TEST_OTHER'];
    }
  });

  it.each([
    ['reads files', `import { readFileSync } from 'node:fs';\nvoid readFileSync;`],
    ['reads files by the old name of the module', `import fs from 'fs';\nvoid fs;`],
    ['uses require', `import { createRequire } from 'node:module';\nvoid createRequire;`],
    ['lists the environment', 'void Object.keys(process.env);'],
    ['uses fetch', `void fetch('http://127.0.0.1:1/').catch(() => {});`],
    ['imports a builtin at run time', `await import('node:os');`],
    ['gets a builtin from the process', `void process.getBuiltinModule('node:fs');`],
  ])('is not used for a lab that %s', async (_, extra) => {
    const file = scratch.write('lab.ts', stamped(extra));
    expect(await stamp(file)).not.toBe(await stamp(file));
  });

  it('is not used when it is not wanted, nor when it is damaged', async () => {
    const file = scratch.write('lab.ts', stamped());
    const first = await stamp(file);
    expect(((await loadLab(file, { cache: false })).input as { description: string }).description).not.toBe(first);
    rmSync(join(scratch.folder, 'cache'), { recursive: true, force: true });
    scratch.write('cache', 'a file where a folder should be');
    expect(await stamp(file)).not.toBe(first);
  });
});

describe('YAML and JSON labs', () => {
  const YAML = 'name: plain\nclusters:\n  - name: c1\n    cni:\n      type: bridge\n';

  it('are data, with places', async () => {
    const file = scratch.write('lab.yaml', YAML);
    for (const lab of [await loadLab(file), await loadLab(file)]) {
      expect(lab).toMatchObject({ kind: 'yaml', input: spec, path: file });
      expect(lab.positionOf(['clusters', 0, 'cni', 'type'])?.line).toBe(5);
      expect(lab.positionOf(['clusters', 0, 'podCIDR'])?.line, 'the nearest parent').toBe(3);
    }
    const json = await loadLab(scratch.write('lab.json', JSON.stringify(spec, null, 2)));
    expect(json).toMatchObject({ kind: 'json', input: spec });
    expect(json.positionOf(['clusters', 0, 'name'])?.line).toBe(5);
  });

  it('are found in a folder, through a link', async () => {
    scratch.write('my/lab.yaml', YAML);
    mkdirSync(join(scratch.folder, 'links'));
    symlinkSync(join(scratch.folder, 'my'), join(scratch.folder, 'links', 'l'));
    expect(basename((await loadLab(join(scratch.folder, 'links', 'l'))).path)).toBe('lab.yaml');
  });

  it.each([
    ['YAML', 'lab.yaml', 'name: a\nclusters:\n\t- x\n', /lab\.yaml:3/],
    ['JSON', 'lab.json', '{\n  "name": "a",\n}\n', /lab\.json:3:1: /],
    ['JSON that is YAML', 'lab.json', 'name: a\n', /lab\.json/],
    ['a key twice', 'lab.yaml', 'name: a\nname: b\n', /lab\.yaml:2/],
  ])('with a syntax error in %s', async (_, name, text, message) => {
    expect(await failure(scratch.write(name, text))).toMatchObject({ code: 'LAB_FILE_SYNTAX', message: expect.stringMatching(message) });
  });
});

/** Processes that load the file right now. */
function loadersOf(file: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.includes(file) && words.some((word) => word.endsWith('load-child.js'));
    } catch {
      return false;
    }
  });
}
