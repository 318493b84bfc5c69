import { describe, expect, it } from 'vitest';
import type { ExplainLabOptions } from '../../lab/explain.ts';
import type { WalkReport } from '../../verify/walk/document.ts';
import { runCli } from './run-cli.ts';

const hop = { state: '', command: '', outer: false, counter: null, rose: null } as const;
const report: WalkReport = {
  schema: 'cnilab.walk/1',
  lab: 'shop',
  engine: 'netns',
  from: 'c1/default/web',
  to: 'svc/db (10.96.0.7:80)',
  family: 'ipv4',
  protocol: 'tcp',
  arrives: 'no',
  why: 'worker1 has no route to 10.244.2.2',
  legs: [
    {
      direction: 'there',
      packet: { source: '10.244.1.2', destination: '10.96.0.7', sourcePort: null, destinationPort: 80 },
      hops: [
        {
          ...hop,
          kind: 'translation',
          place: 'worker1',
          says: 'its destination becomes 10.244.2.2:8080',
          state: '-t nat -A KUBE-SEP-1 -p tcp -j DNAT --to-destination 10.244.2.2:8080',
          command: 'cnilab exec shop worker1 -- iptables -t nat -nvL KUBE-SEP-1',
          rose: 1,
        },
        { ...hop, kind: 'route', place: 'worker1', says: '10.244.2.2 leaves by flannel.1', outer: true },
        { ...hop, kind: 'loss', place: 'worker1', says: 'worker1 has no route to 10.244.2.2' },
      ],
      ends: 'worker1',
      fate: 'lost',
      why: 'worker1 has no route to 10.244.2.2',
    },
  ],
  choices: [{ endpoint: '10.244.2.2:8080', owner: 'c1/default/db-1', share: 0.5, followed: true }],
  notes: ['the source is rewritten on the way'],
  live: null,
};
const walking = (found: WalkReport, asked: unknown[] = []) => ({
  explain: async (name: string, { from, to, port, live, deadlineMs }: ExplainLabOptions): Promise<WalkReport> => {
    asked.push([name, from, to, port, live, deadlineMs]);
    return found;
  },
});
const live = { outcome: 'ok', rttUs: 420, answeredBy: 'c1/default/db-1', seenAs: '10.244.1.2', differs: [] } as const;

describe('cnilab explain LAB FROM TO', () => {
  it('prints the walk place by place, with the state and the command behind each hop', async () => {
    const asked: unknown[] = [];
    const { code, stdout, stderr } = await runCli(['explain', 'shop', 'web', 'svc/db', '--port', '80', '--live'], { lab: walking(report, asked) });
    expect(asked).toEqual([['shop', 'web', 'svc/db', 80, true, undefined]]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      [
        'shop on netns · c1/default/web → svc/db (10.96.0.7:80) · tcp',
        '',
        'the way there  tcp 10.244.1.2 → 10.96.0.7:80',
        '  worker1',
        '    translation    its destination becomes 10.244.2.2:8080 [counted 1]',
        '                   -t nat -A KUBE-SEP-1 -p tcp -j DNAT --to-destination 10.244.2.2:8080',
        '                   $ cnilab exec shop worker1 -- iptables -t nat -nvL KUBE-SEP-1',
        '    | route        10.244.2.2 leaves by flannel.1',
        '    loss           worker1 has no route to 10.244.2.2',
        '',
        'endpoints that the rules may choose',
        '  10.244.2.2:8080 (c1/default/db-1), 50 % of new connections; followed here',
        '',
        'note    the source is rewritten on the way',
        '',
        'lost    worker1 has no route to 10.244.2.2',
        '',
      ].join('\n'),
    );
    expect(stderr).toContain('cnilab diagnose shop web svc/db');
  });

  const arrived: WalkReport = { ...report, arrives: 'yes', why: '', notes: [] };
  it.each([
    ['it arrives', arrived, 0],
    ['it arrives, and did', { ...arrived, live }, 0],
    ['it arrives, but did not', { ...arrived, live: { ...live, outcome: 'silent', differs: ['the packet did not come back: silent'] } }, 1],
    ['it ends where the state that is read ends', { ...report, arrives: 'unknown' }, 5],
    ['it is not read to the end, but came back', { ...report, arrives: 'unknown', live }, 0],
    ['somebody else answered', { ...arrived, live: { ...live, differs: ['10.0.0.9:80 answered, which the rules do not name'] } }, 1],
  ] as const satisfies readonly (readonly [string, WalkReport, number])[])('%s', async (_what, found, exit) => {
    const { code, stdout } = await runCli(['explain', 'shop', 'web', 'svc/db', '--json'], { lab: walking(found) });
    expect(code).toBe(exit);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'cnilab.walk/1', arrives: found.arrives });
  });

  it.each([
    [['shop', 'web'], /missing|TO/i],
    [['shop', 'web', 'db', '--port', 'x'], /--port/],
  ])('%j is refused', async (words, said) => {
    const { code, stderr } = await runCli(['explain', ...words], { lab: walking(report) });
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
  });
});
