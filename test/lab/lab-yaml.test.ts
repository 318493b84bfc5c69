import { describe, expect, it } from 'vitest';
import { parseYamlLab } from '../../lab/lab-yaml.ts';

const LAB = `# a lab
name: demo
clusters:
  - name: c1
    podCIDR: &pods 10.244.0.0/16
    cni: { type: flannel, mtu: 1500 }
    workloads:
    - name: web
      labels: {app: web}
  - name: c2
    podCIDR: *pods
`;

describe('parseYamlLab', () => {
  it('reads a lab with the place of every value', () => {
    const parsed = parseYamlLab(LAB, 'labs/x.yaml');
    if (!parsed.ok) throw new Error('refused');
    expect(parsed.value).toMatchObject({
      name: 'demo',
      clusters: [
        { name: 'c1', podCIDR: '10.244.0.0/16', cni: { type: 'flannel', mtu: 1500 } },
        { name: 'c2', podCIDR: '10.244.0.0/16' },
      ],
    });
    const at = (...path: (string | number)[]): string => {
      const place = parsed.positionOf(path);
      return place === null ? 'nowhere' : `${place.line}:${place.column}`;
    };
    expect([
      at(),
      at('name'),
      at('clusters', 0),
      at('clusters', 0, 'podCIDR'),
      at('clusters', 0, 'cni', 'mtu'),
      at('clusters', 0, 'workloads', 0, 'labels', 'app'),
      at('clusters', 1, 'podCIDR'),
    ]).toEqual(['2:1', '2:1', '4:5', '5:5', '6:27', '9:16', '11:5']);
    expect([at('clusters', 2), at('zzz'), at('name', 'x')]).toEqual(['nowhere', 'nowhere', 'nowhere']);
  });

  it('follows an alias to what it names', () => {
    const parsed = parseYamlLab('a: &x\n  b: 1\nc: *x\n', 'x.yaml');
    expect(parsed.ok && parsed.positionOf(['c', 'b'])).toEqual({ line: 2, column: 3 });
  });

  it('keeps to YAML 1.2: yes, no and dates are texts, a prototype is a field', () => {
    const parsed = parseYamlLab('a: yes\nb: 2026-01-01\nc: 0o17\n__proto__: {d: 1}\n', 'x.yaml');
    expect(parsed.ok && Object.entries(parsed.value as object)).toEqual([
      ['a', 'yes'],
      ['b', '2026-01-01'],
      ['c', 15],
      ['__proto__', { d: 1 }],
    ]);
    expect(({} as { d?: number }).d).toBeUndefined();
  });

  it.each([
    ['a key twice', 'name: x\nname: y\n', 'YAML_SYNTAX', '2:1', 'unique', 'keep one'],
    ['several documents', 'name: x\n---\nname: y\n', 'YAML_SEVERAL_DOCUMENTS', '2:1', 'holds 2 documents', 'one lab per file'],
    ['an open bracket', 'name: x\nhosts: [\n', 'YAML_SYNTAX', '3:1', ']', ''],
    ['an open quote', 'name: "x\n', 'YAML_SYNTAX', '2:1', 'quote', 'close the quote'],
    ['a tab', 'underlay:\n\tmtu: 1\n', 'YAML_SYNTAX', '2:1', 'Tabs', 'spaces'],
    ['a tag', 'name: !!js/function x\n', 'YAML_SYNTAX', '1:7', 'tag', 'plain data'],
    ['an unknown tag', 'name: !secret x\n', 'YAML_SYNTAX', '1:7', 'tag', 'plain data'],
    ['an alias of nothing', 'name: x\npath: *x\n', 'YAML_ALIAS', '2:7', 'no anchor &x', 'quote the text'],
    ['a value without end', 'a: &a [1, *a]\n', 'YAML_ALIAS', '1:11', 'inside of its own anchor', 'write the value out'],
    [
      'an alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1,1]\n${['b', 'c', 'd', 'e']
        .map(
          (k, i) =>
            `${k}: &${k} [${Array(10)
              .fill(`*${'abcd'[i] ?? ''}`)
              .join()}]\n`,
        )
        .join('')}`,
      'YAML_ALIAS',
      '1:1',
      'expand too often',
      'write the values out',
    ],
    ['thousands of brackets', `a: ${'['.repeat(100_000)}`, 'YAML_TOO_DEEP', '1:69', 'deeper than 64 levels', 'no such nesting'],
    ['thousands of dashes', `${'- '.repeat(100_000)}x`, 'YAML_TOO_DEEP', '1:132', 'deeper than 64', ''],
    ['depth by aliases', `a: &a ${'['.repeat(40)}${']'.repeat(40)}\nb: ${'['.repeat(40)}*a${']'.repeat(40)}\n`, 'YAML_TOO_DEEP', '1:1', 'deeper than 64', ''],
    ['nothing', '', 'YAML_EMPTY', '1:1', 'no document', 'name: my-lab'],
    ['comments only', '# soon\n', 'YAML_EMPTY', '1:1', 'no document', ''],
    ['a huge file', `a: ${'x'.repeat(4_000_001)}`, 'YAML_TOO_LARGE', '1:1', '4000004 characters', 'file that you meant'],
  ])('refuses %s', (_title, text, code, place, message, hint) => {
    const parsed = parseYamlLab(text, 'labs/x.yaml');
    if (parsed.ok) throw new Error('taken');
    const [first] = parsed.diagnostics;
    expect(first).toMatchObject({
      code,
      severity: 'error',
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
    expect(first?.message.slice(0, `labs/x.yaml:${place}: `.length)).toBe(`labs/x.yaml:${place}: `);
    expect(`${first?.line}:${first?.column}`).toBe(place);
  });

  it('tells every syntax problem at once', () => {
    const parsed = parseYamlLab('name: x\nname: y\nname: z\n', 'x.yaml');
    expect(parsed.ok ? [] : parsed.diagnostics.map((d) => d.line)).toEqual([2, 3]);
  });

  it('reads no comment-only key as null by accident', () => {
    const parsed = parseYamlLab('', 'x.yaml');
    expect(parsed.ok).toBe(false);
  });
});
