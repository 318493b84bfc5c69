import { describe, expect, it } from 'vitest';
import { ownChainsOnly, replaceRules, singleDeletions } from '../../engines/netns/agent/rules-text.ts';

const before = `*nat
:OWN - [0:0]
:OLD - [0:0]
[3:180] -A POSTROUTING -m comment --comment "cnilab: masquerade" -j OWN
-A OWN -s 10.0.0.0/8 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-I FORWARD 1 -i cni0 -j ACCEPT
COMMIT
`;
const after = '*nat\n:OWN - [0:0]\n-A POSTROUTING -j OWN\nCOMMIT\n';

describe('texts for iptables-restore', () => {
  it('a replacement deletes what the old text put into foreign chains, then its chains, in one transaction per table', () => {
    expect(replaceRules(before, after)).toBe(`*nat
:OLD - [0:0]
:OWN - [0:0]
-D POSTROUTING -m comment --comment "cnilab: masquerade" -j OWN
-A POSTROUTING -j OWN
-X OLD
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-D FORWARD -i cni0 -j ACCEPT
COMMIT
`);
  });

  it('the first text goes in as it is, and nothing for nothing', () => {
    expect(replaceRules('', after)).toBe(after);
    expect(replaceRules('', '')).toBe('');
    expect(replaceRules(after, '')).toBe('*nat\n:OWN - [0:0]\n-D POSTROUTING -j OWN\n-X OWN\nCOMMIT\n');
  });

  it('the fall-back deletes one rule at a time and keeps the chains for the rest', () => {
    expect(singleDeletions(before)).toEqual([
      '*nat\n-D POSTROUTING -m comment --comment "cnilab: masquerade" -j OWN\nCOMMIT\n',
      '*filter\n-D FORWARD -i cni0 -j ACCEPT\nCOMMIT\n',
    ]);
    expect(singleDeletions(ownChainsOnly(before))).toEqual([]);
    expect(replaceRules(ownChainsOnly(before), '')).toContain('-X OLD');
  });
});
