import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseYamlLab } from '../../lab/lab-yaml.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { parseLabSpec } from '../../topology/schema.ts';

const text = readFileSync(new URL('../../docs/engines.md', import.meta.url), 'utf8');
const labs = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

describe('labs in docs/engines.md', () => {
  it.each(labs)('%# can be planned', (lab) => {
    const yaml = parseYamlLab(lab, 'engines.md');
    if (!yaml.ok) throw new Error(yaml.diagnostics.map(({ message }) => message).join('\n'));
    const parsed = parseLabSpec(yaml.value);
    if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ message }) => message).join('\n'));
    expect(planLab(parsed.spec).findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('are there', () => {
    expect(labs.length).toBeGreaterThan(0);
  });
});
