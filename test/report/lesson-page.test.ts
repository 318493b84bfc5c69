import { describe, expect, it } from 'vitest';
import { addressTable } from '../../report/lesson/addresses.ts';
import { execCommand } from '../../report/lesson/command.ts';
import { byTopic, labIndex } from '../../report/lesson/index-page.ts';
import { lessonPage } from '../../report/lesson/page.ts';
import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { fill } from '../../verify/lesson/fill.ts';
import { valuesOf } from '../../verify/lesson/values.ts';

const short: LessonSpec = { title: 'Two hosts', topic: 'hosts', level: 'first', order: 1, goal: 'See them.' };
const lab: LabSpec = { name: 'pair', underlay: { cidr: '192.168.1.0/24' }, hosts: [{ name: 'a', address: '192.168.1.10' }, { name: 'b' }] };

function pageOf(lesson: Partial<LessonSpec>): string {
  const plan = planLab(lab);
  return lessonPage({ lesson: { ...short, ...lesson }, plan, fill: (text) => fill(text, valuesOf(plan)) });
}

describe('a command as it is typed', () => {
  it.each([
    ['ip -br addr', 'ip -br addr'],
    ['ping -c1 -W2 192.168.1.10', 'ping -c1 -W2 192.168.1.10'],
    ['ip route | head -1', "sh -c 'ip route | head -1'"],
    ["awk '{print $1}' /proc/net/route", String.raw`sh -c 'awk '\''{print $1}'\'' /proc/net/route'`],
    ["ip route | grep '^10'", `sh -c "ip route | grep '^10'"`],
    ['echo 1 > /proc/sys/net/ipv4/ip_forward', "sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"],
    ['CNI_COMMAND=ADD ./bridge', "sh -c 'CNI_COMMAND=ADD ./bridge'"],
    ['cd /tmp', "sh -c 'cd /tmp'"],
    ['sysctl net.ipv4.ip_forward=1', 'sysctl net.ipv4.ip_forward=1'],
    ['ip a; ip r', "sh -c 'ip a; ip r'"],
    ['ls *.conf', "sh -c 'ls *.conf'"],
  ])('%s', (run, typed) => {
    expect(execCommand('pair', { on: 'a', run })).toBe(`cnilab exec pair a -- ${typed}`);
  });
});

describe('the page of a lab', () => {
  it('has only the parts that its lesson has', () => {
    expect([...pageOf({}).matchAll(/^## (.*)$/gm)].map((heading) => heading[1])).toEqual(['Bring it up', 'Take it down']);
    expect(pageOf({})).toContain('subgraph m1["a · host"]');
    expect(pageOf({})).toContain('| `a` | host | 192.168.1.10/24 (eth0) |');
  });

  it('fills in commands and what they show, and leaves prose as it is', () => {
    const page = pageOf({ look: [{ title: 'Way', on: 'b', run: 'ping -c1 ${a}', text: 'Costs $5.', shows: ['PING ${a} …', '…'] }] });
    expect(page).toContain('```console\n$ cnilab exec pair b -- ping -c1 192.168.1.10\nPING 192.168.1.10 …\n…\n```\n\nCosts $5.\n');
  });

  it('names the engine where the embedded one is not the best', () => {
    expect(pageOf({ engines: ['kind', 'vm'] })).toContain('$ cnilab up pair --engine kind\n');
    expect(pageOf({ engines: ['kind', 'vm'] })).toContain('It also runs with `--engine vm`.');
    expect(pageOf({ engines: ['netns'] })).toContain('$ cnilab up pair\n');
    expect(pageOf({ engines: ['netns', 'kind'] })).toContain(
      'It also runs with `--engine kind`. There the cluster chooses addresses: [what differs](../engines.md#lessons).',
    );
  });

  it('keeps hints and solution folded, and names faults by their commands', () => {
    const page = pageOf({
      exercises: [
        {
          name: 'gone',
          title: 'Gone',
          symptom: 'It is gone.',
          see: { on: 'a', run: 'ping -c1 ${b}' },
          break: [{ fault: 'ip-forward-off', node: 'a' }],
          hints: ['Look.'],
          solution: [{ undo: 'ip-forward-off' }, { on: 'b', run: 'true' }],
          why: 'So.',
        },
      ],
    });
    expect(page).toContain('$ cnilab exercise pair\n');
    expect(page).toContain('<details><summary>Hints</summary>\n\n1. Look.\n\n</details>');
    expect(page).toContain('$ cnilab fault undo pair ip-forward-off\n$ cnilab exec pair b -- true\n```\n\nSo.\n\n</details>');
    expect(page).not.toContain('inject');
  });

  it('keeps the table of older texts whole', () => {
    const page = pageOf({ today: [{ claim: 'a | b', truth: 'c\nd', source: 'https://man7.org/linux/man-pages/man8/ip.8.html' }] });
    expect(page).toContain(String.raw`| a \| b | c d | [man7.org](https://man7.org/linux/man-pages/man8/ip.8.html) |`);
  });
});

describe('the addresses of a lab', () => {
  it('are those of nodes, pods, Services and other machines; many are counted', () => {
    const rows = addressTable(
      planLab({
        name: 'many',
        clusters: [{ name: 'c1', workers: 0, cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 30 }] }],
        hosts: [{ name: 'h' }],
      }),
    );
    expect(rows.slice(0, 3)).toEqual([
      '| place | is | addresses |',
      '|---|---|---|',
      '| `control-plane1` | control-plane | 172.30.0.2/24 (eth0); pods 10.244.0.0/24 |',
    ]);
    expect(rows).toContain('| `…` | 6 more pods |  |');
    expect(rows.at(-1)).toMatch(/^\| `h` \| host \| 172\.30\.0\.\d+\/24 \(eth0\) \|$/);
  });
});

describe('the list of labs', () => {
  const listed = (name: string, over: Partial<LessonSpec> | null): { name: string; description: string; lesson: LessonSpec | null } => ({
    name,
    description: `about ${name}`,
    lesson: over === null ? null : { ...short, title: `Title of ${name}`, ...over },
  });
  const all = [listed('z', { topic: 'service' }), listed('bare', null), listed('b', { order: 2 }), listed('c', { order: 10 }), listed('a', { order: 1 })];

  it('goes by topic, then by order', () => {
    expect(byTopic(all).map(([topic, labs]) => [topic, labs.map(({ name }) => name)])).toEqual([
      ['hosts', ['a', 'b', 'c']],
      ['service', ['z']],
    ]);
  });

  it('says where to begin, and has those without a lesson at its end', () => {
    const page = labIndex(all);
    expect(page).toContain('**Start here:** [Title of a](a.md).');
    expect([...page.matchAll(/^\| \[(\w+)\]/gm)].map((row) => row[1])).toEqual(['a', 'b', 'c', 'z', 'bare']);
    expect(page).toContain('| [bare](../../labs/bare.ts) | about bare |');
    expect(page.slice(page.indexOf('| [bare]'))).toMatch(/\n## Further reading\n\n(- \[[^\]]+\]\(https:\/\/\S+\)\n){5,}$/);
  });
});
