import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policy, type PolicyCase } from '../policy-cases/case.ts';
import { fields, policyCases } from '../policy-cases/cases.ts';
import { openField, type CaseField } from '../policy-cases/field.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns');
const whyPlugins = lacking('netns', 'plugins');
const skipped = (reason: string | null): string => (reason === null ? '' : ` (skipped: ${reason})`);
/** Where bridged frames, or the routes of another CNI, are the only difference: some of each family. */
const some = policyCases.filter((_, i) => i % 12 === 0);

describe('the cases', () => {
  it('are at least 230, of every family, each under a name of its own', () => {
    expect(policyCases.length).toBeGreaterThanOrEqual(230);
    expect(new Set(policyCases.map((c) => `${c.family} ${c.title}`)).size).toBe(policyCases.length);
    const families = ['actions', 'peers', 'ports', 'rules', 'namespaces', 'conflicts', 'targets', 'examples'];
    expect([...new Set(policyCases.map((c) => c.family))].sort()).toEqual(families.sort());
    expect(new Set(some.map((c) => c.family)).size).toBeGreaterThan(5);
  });
});

describe.each([
  ['calico', policyCases, why],
  ['weave', some, why],
  ['kindnet', some, whyPlugins],
] as const)('NetworkPolicy on %s', (cni, cases, lack) => {
  describe.skipIf(lack !== null)(`every client, every server, TCP and UDP, two ports${skipped(lack)}`, () => {
    let field: CaseField;
    beforeAll(async () => {
      field = await openField(fields[cni]);
    });
    afterAll(async () => {
      await field?.[Symbol.asyncDispose]();
    });

    it.each(cases.map((c: PolicyCase) => [`${c.family}: ${c.title}`, c] as const))('%s', async (_name, { steps }) => {
      for (const step of steps) {
        const { disagreements, cells } = await field.check(step);
        expect(disagreements, step.title).toEqual([]);
        expect(cells).toBe((9 - (step.without?.length ?? 0)) ** 2 * 4);
      }
    });

    // Once: silence is waited for with all patience.
    it.runIf(cni === 'calico')('is seen not to be enforced when somebody takes the tables out, and to be too strict when they are closed', async () => {
      const open = { title: 'open', policies: [policy('open', { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ from: [{ podSelector: {} }] }] })] };
      expect((await field.check(open)).disagreements).toEqual([]);
      await field.onNodes(['nft', 'add', 'rule', 'inet', 'cnilab-policy', 'policy.x.open.ingress', 'accept']);
      const { disagreements } = await field.check(open);
      expect(disagreements).toContain('y/a → x/a TCP 80: blocked, but ok');
      expect(disagreements).toContain('pod.x.a.ingress dropped 0, not 24');
      await field.onNodes(['nft', 'flush', 'chain', 'inet', 'cnilab-policy', 'policy.x.open.ingress']);
      expect((await field.check(open)).disagreements).toContain('x/b → x/a UDP 81: allowed, but silent');
    });
  });
});
