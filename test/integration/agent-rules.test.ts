import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import { lacking } from '../requires.ts';
import { startAgentLab } from './agent-lab.ts';

const reason = lacking('root');

const text = (...returns: readonly string[]): string => `*nat
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
${returns.map((cidr) => `-A FLANNEL-POSTRTG -s ${cidr} -j RETURN\n`).join('')}COMMIT
*filter
:FLANNEL-FWD - [0:0]
:${returns.length > 1 ? 'EXTRA' : 'FLANNEL-FWD'} - [0:0]
-I FORWARD 1 -j FLANNEL-FWD
-A FLANNEL-FWD -j ACCEPT
COMMIT
`;
const rules = (body: string, family: 'ipv4' | 'ipv6' = 'ipv4'): Op => ({ op: 'rules', ns: 'node', family, text: body });

/** Rules and own chains, without counters and policies of built-in chains. */
const essence = (saved: string): string[] =>
  saved
    .split('\n')
    .map((line) => line.replace(/^\[\d+:\d+\] /, ''))
    .filter((line) => /^-A|^:\S+ -/.test(line))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''));

describe.skipIf(reason !== null)(`packet filter rules of a namespace${reason === null ? '' : ` (${reason})`}`, () => {
  it.each([false, true])('are put in, replaced as a whole by the next text, and taken out; foreign rules stay (rootless: %s)', async (rootless) => {
    await using lab = await startAgentLab({ rootless });
    await lab.apply([{ op: 'netns', ns: 'node' }]);
    await lab.sh('node', 'iptables -A FORWARD -s 192.0.2.1 -j DROP; iptables -t nat -N FOREIGN');
    const foreign = essence((await lab.snapshot('node', true)).rules.iptables);
    expect(foreign).toEqual(expect.arrayContaining([':FOREIGN -', '-A FORWARD -s 192.0.2.1/32 -j DROP']));

    await lab.apply([rules(text('10.1.0.0/16', '10.2.0.0/16')), rules(text('fd00:1::/64'), 'ipv6')]);
    await lab.restart();
    await lab.apply([rules(text('10.3.0.0/16'))]);
    const once = essence((await lab.snapshot('node', true)).rules.iptables);
    expect(once.filter((line) => line.startsWith('-A'))).toEqual(
      expect.arrayContaining([
        '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
        '-A FLANNEL-POSTRTG -s 10.3.0.0/16 -j RETURN',
        '-A FLANNEL-FWD -j ACCEPT',
        '-A FORWARD -j FLANNEL-FWD',
        '-A FORWARD -s 192.0.2.1/32 -j DROP',
      ]),
    );
    expect(once.filter((line) => line.startsWith('-A'))).toHaveLength(5);
    expect(once).not.toContain(':EXTRA -');

    await lab.apply([rules(text('10.3.0.0/16'))]);
    expect(essence((await lab.snapshot('node', true)).rules.iptables)).toEqual(once);

    await lab.apply([], [rules(text('10.3.0.0/16')), rules(text('fd00:1::/64'), 'ipv6')]);
    expect(essence((await lab.snapshot('node', true)).rules.iptables).sort()).toEqual([...foreign].sort());
    expect(essence(await lab.sh('node', 'ip6tables-save'))).toEqual([]);
  });

  it('are replaced even when somebody removed some of them by hand', async () => {
    await using lab = await startAgentLab();
    await lab.apply([{ op: 'netns', ns: 'node' }, rules(text('10.1.0.0/16', '10.2.0.0/16'))]);
    await lab.sh('node', 'iptables -D FORWARD -j FLANNEL-FWD');
    await lab.apply([rules(text('10.3.0.0/16'))]);
    expect(
      essence((await lab.snapshot('node', true)).rules.iptables)
        .filter((line) => line.includes('-j'))
        .sort(),
    ).toEqual([
      '-A FLANNEL-FWD -j ACCEPT',
      '-A FLANNEL-POSTRTG -s 10.3.0.0/16 -j RETURN',
      '-A FORWARD -j FLANNEL-FWD',
      '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
    ]);
    await lab.sh('node', 'iptables -D FORWARD -j FLANNEL-FWD');
    await lab.apply([], [rules(text('10.3.0.0/16'))]);
    expect(essence((await lab.snapshot('node', true)).rules.iptables)).toEqual([]);
  });

  it('that iptables refuses are reported with its words and the command', async () => {
    await using lab = await startAgentLab();
    await lab.apply([{ op: 'netns', ns: 'node' }]);
    await expect(lab.apply([rules('*nat\n-A POSTROUTING -j NO-SUCH-CHAIN\nCOMMIT\n')])).rejects.toMatchObject({
      message: expect.stringMatching(/^ipv4 rules in node: .*iptables(-nft)?-restore exited with \d: .*NO-SUCH-CHAIN|line \d/s),
      failure: { details: { command: expect.stringMatching(/^nsenter --net=\/run\/netns\/node .*iptables.*-restore --noflush --wait <<'EOF'\n\*nat/) } },
    });
  });
});
