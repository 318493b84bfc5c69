import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabGraph } from '../../topology/graph/graph.ts';
import { graphOfPlan } from '../../topology/graph/graph-of-plan.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-graph-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const graph = graphOfPlan(planLab({ name: 'lan', hosts: [{ name: 'a' }, { name: 'b' }] }));
const marked: LabGraph = {
  ...graph,
  source: 'running',
  machines: graph.machines.map((machine, at) => (at === 0 ? { ...machine, mark: { what: 'missing', says: ['its namespace is gone'] } } : machine)),
};
const drawing = (found: LabGraph, asked: unknown[] = []) => ({
  graphLab: async (name: string, options?: object) => {
    asked.push([name, options]);
    return found;
  },
});

describe('cnilab graph', () => {
  it('writes Mermaid to stdout, and a picture where it is asked for', async () => {
    const asked: unknown[] = [];
    const plain = await runCli(['graph', 'lan'], { lab: drawing(graph, asked) });
    expect([plain.code, plain.stderr, asked]).toEqual([0, '', [['lan', { running: false }]]]);
    expect(plain.stdout).toMatch(/^---\ntitle: "lan"\n---\nflowchart TB\n/);
    expect((await runCli(['graph', 'lan', '--format', 'svg'], { lab: drawing(graph) })).stdout).toMatch(/^<svg /);
  });

  it('writes a file in the format of its name, and not over one that exists', async () => {
    const options = { lab: drawing(graph), cwd: folder };
    const first = await runCli(['graph', 'lan', '-o', 'lan.svg'], options);
    expect([first.code, first.stdout]).toEqual([0, '']);
    expect(first.stderr).toContain('wrote lan.svg');
    const text = readFileSync(join(folder, 'lan.svg'), 'utf8');
    expect(text).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    const again = await runCli(['graph', 'lan', '-o', 'lan.svg', '--format', 'mermaid'], options);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/lan\.svg exists[\s\S]*--force/);
    expect(readFileSync(join(folder, 'lan.svg'), 'utf8')).toBe(text);
    expect((await runCli(['graph', 'lan', '-o', 'lan.svg', '--format', 'mermaid', '--force'], options)).code).toBe(0);
    expect(readFileSync(join(folder, 'lan.svg'), 'utf8')).toMatch(/^---\n/);
  });

  it('says what differs in a running lab, and what to do next', async () => {
    const asked: unknown[] = [];
    const { code, stdout, stderr } = await runCli(['graph', 'lan', '--running'], { lab: drawing(marked, asked) });
    expect([code, asked]).toEqual([0, [['lan', { running: true }]]]);
    expect(stdout).toContain('its namespace is gone');
    expect(stderr).toMatch(/marked: 1 in all[\s\S]*cnilab diagnose lan/);
    const { stdout: document } = await runCli(['graph', 'lan', '--running', '--json'], { lab: drawing(marked) });
    expect(JSON.parse(document)).toMatchObject({ format: 'mermaid', graph: { schema: 'cnilab.graph/1', source: 'running' }, text: stdout });
  });

  it('refuses --running for a file, and a format that is none', async () => {
    const file = await runCli(['graph', './lab.yaml', '--running'], { cwd: folder });
    expect(file.code).toBe(2);
    expect(file.stderr).toMatch(/--running: \.\/lab\.yaml is a lab file/);
    expect((await runCli(['graph', 'lan', '--format', 'png'], { lab: drawing(graph) })).code).toBe(2);
  });
});
