import { describe, expect, it } from 'vitest';
import { formatPath } from '../../topology/format-diagnostic.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { labJsonSchema, parseLabSpec } from '../../topology/schema.ts';
import type { LabSpec } from '../../topology/spec.ts';

const command = { on: 'pc1', run: 'ip route' };
const lesson = {
  title: 'A switch',
  topic: 'hosts',
  level: 'first',
  order: 1,
  goal: 'Two hosts on one cable.',
  look: [{ ...command, title: 'Routes', text: 'One.', shows: ['…'] }],
  checks: [
    { type: 'reach', id: 'ping', says: 'pc1 reaches pc2', from: 'pc1', to: 'pc2', protocol: 'icmp', expect: 'answered', hops: 0 },
    { ...command, type: 'output', id: 'route', says: 'a route', exit: null },
    { type: 'wire', id: 'arp', says: 'ARP first', at: 'pc2', filter: 'arp', during: command, seen: true },
    { type: 'verdict', id: 'sound', says: 'nothing is wrong', only: ['inventory'], verdict: 'pass' },
  ],
  exercises: [
    {
      name: 'cut',
      title: 'A cut',
      symptom: 'No answer.',
      see: command,
      break: [command, { fault: 'ip-forward-off', node: 'pc1' }],
      hints: [],
      solution: [{ undo: 'ip-forward-off' }, command],
      why: 'It was cut.',
    },
  ],
  today: [{ claim: 'Hubs are common.', truth: 'Switches are.', source: 'https://www.rfc-editor.org/rfc/rfc2544' }],
};
const lab = (change: object = {}): unknown => ({ name: 'demo', hosts: [{ name: 'pc1' }, { name: 'pc2' }], lesson: { ...lesson, ...change } });

/** `code path: message` of everything that is wrong. */
function problems(input: unknown): readonly string[] {
  const parsed = parseLabSpec(input);
  return parsed.ok ? [] : parsed.diagnostics.map((one) => `${one.code} ${formatPath(one.path, input)}: ${one.message}`);
}

describe('the shape of a lesson', () => {
  it('is taken as it stands, and changes no plan', () => {
    const parsed = parseLabSpec(lab());
    expect(parsed.ok && parsed.spec).toEqual(lab());
    const { lesson: _none, ...bare } = lab() as LabSpec;
    expect(planLab(lab() as LabSpec)).toEqual(planLab(bare));
  });

  it('is told all of its problems at once, each with its place', () => {
    const found = problems(
      lab({
        topic: 'house',
        order: 0,
        goal: '',
        look: [{ ...command, title: 'Routes', text: 'One.' }],
        checks: [{ type: 'reach', id: 'ping', says: 'x', from: 'pc1', to: 'pc2', protocol: 'sctp', expect: 'answered' }],
        today: [{ claim: 'a', truth: 'b', source: 'a book' }],
      }),
    );
    expect(found).toEqual([
      expect.stringMatching(/^FIELD_VALUE lesson\.topic: topic is "house"; allowed: hosts, by-hand, /),
      expect.stringMatching(/^FIELD_VALUE lesson\.order: /),
      expect.stringMatching(/^FIELD_VALUE lesson\.goal: /),
      expect.stringMatching(/^FIELD_MISSING lesson\.look\[0\]\.shows: /),
      expect.stringMatching(/^FIELD_VALUE lesson\.checks\.?\[?0?.*protocol: protocol is "sctp"; allowed: icmp, tcp, udp/),
      expect.stringMatching(/^FIELD_VALUE lesson\.today\[0\]\.source: /),
    ]);
  });

  it.each([
    ['a fault with a field too many', { fault: 'x', where: 'pc1' }, 'there is no field "where" here; the fields are fault, node, pod'],
    ['a command without a place', { run: 'ip route' }, 'on is missing'],
    ['an undo with a pod', { undo: 'x', pod: 'web' }, 'there is no field "pod" here; the fields are undo'],
  ])('says of %s what was meant', (_title, action, message) => {
    const [exercise] = lesson.exercises;
    expect(problems(lab({ exercises: [{ ...exercise, break: [action] }] }))).toEqual([expect.stringContaining(message)]);
  });

  it('is a part of the JSON Schema', () => {
    expect(JSON.stringify(labJsonSchema())).toContain('"#/$defs/Lesson"');
  });
});
