import { describe, expect, it } from 'vitest';
import { diffPlans } from '../../topology/diff.ts';
import { zoneRecords } from '../../topology/hosts/zone-records.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { HostSpec, LabSpec } from '../../topology/spec.ts';

const lab = (...hosts: readonly HostSpec[]): LabSpec => ({ name: 'demo', underlay: { cidr: '192.168.1.0/24' }, hosts });
const machine = (spec: LabSpec, name: string) => planLab(spec).machines.find((one) => one.name === name);

describe('a host without a cable', () => {
  it('is a namespace of just its name, without an interface', () => {
    expect(machine(lab({ name: 'ns1', segment: 'none' }), 'ns1')).toMatchObject({ netns: 'ns1', interfaces: [], routes: [] });
  });

  it('takes no address of the segment', () => {
    const [first, second] = planLab(lab({ name: 'ns1', segment: 'none' }, { name: 'pc' })).machines;
    expect([first?.interfaces.length, second?.interfaces[0]?.addresses[0]?.address]).toEqual([0, '192.168.1.2']);
  });

  it('needs no switch where nobody has a cable', () => {
    expect(planLab({ name: 'demo', hosts: [{ name: 'ns1', segment: 'none' }] }).segments).toEqual([]);
    expect(planLab({ name: 'demo', hosts: [{ name: 'ns1', segment: 'none' }, { name: 'pc' }] }).segments).toHaveLength(1);
  });
});

describe('zones', () => {
  it('have absolute names in lower case, addresses in short form, and a PTR for each address', () => {
    expect(
      zoneRecords([
        {
          name: 'MyCompany.com.',
          records: [
            { name: '@', type: 'TXT', data: 'hello' },
            { name: 'Web', type: 'AAAA', data: '2001:0db8:0:0:0:0:0:7' },
            { name: 'food', type: 'A', data: '192.168.1.21' },
            { name: 'eat', type: 'CNAME', data: 'food' },
            { name: 'out', type: 'CNAME', data: 'www.google.com.' },
          ],
        },
      ]),
    ).toEqual([
      { name: 'mycompany.com', ttl: 30, type: 'TXT', text: 'hello' },
      { name: 'web.mycompany.com', ttl: 30, type: 'AAAA', address: '2001:db8::7' },
      { name: 'food.mycompany.com', ttl: 30, type: 'A', address: '192.168.1.21' },
      { name: 'eat.mycompany.com', ttl: 30, type: 'CNAME', target: 'food.mycompany.com' },
      { name: 'out.mycompany.com', ttl: 30, type: 'CNAME', target: 'www.google.com' },
      { name: '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa', ttl: 30, type: 'PTR', target: 'web.mycompany.com' },
      { name: '21.1.168.192.in-addr.arpa', ttl: 30, type: 'PTR', target: 'food.mycompany.com' },
    ]);
  });

  it('may say themselves what an address is called', () => {
    const records = zoneRecords([
      { name: 'a.example', records: [{ name: 'web', type: 'A', data: '192.168.1.20' }] },
      { name: '1.168.192.in-addr.arpa', records: [{ name: '20', type: 'PTR', data: 'other.example.' }] },
    ]);
    expect(records.filter((one) => one.type === 'PTR').map((one) => one.type === 'PTR' && one.target)).toEqual(['other.example']);
  });
});

describe('resolver settings', () => {
  it('are completed with localhost, its own name, the resolvers of the lab, and the usual order', () => {
    const spec = lab(
      { name: 'dns', role: 'resolver', address: '192.168.1.100' },
      { name: 'pc', address: '192.168.1.10', resolver: { hosts: { db: ['192.168.1.11', 'fd00::11'] } } },
    );
    expect(machine(spec, 'pc')?.resolver).toEqual({
      conf: { nameservers: ['192.168.1.100'], search: [], options: [] },
      hosts: [
        { address: '127.0.0.1', name: 'localhost' },
        { address: '::1', name: 'localhost' },
        { address: '192.168.1.10', name: 'pc' },
        { address: '192.168.1.11', name: 'db' },
        { address: 'fd00::11', name: 'db' },
      ],
      order: ['files', 'dns'],
    });
    expect(machine(spec, 'dns')).not.toHaveProperty('resolver');
  });

  it('change in place, as zones do', () => {
    const before = planLab(lab({ name: 'pc', resolver: { search: ['a.example'] } }));
    const after = planLab(lab({ name: 'pc', resolver: { search: ['b.example'] }, zones: [{ name: 'b.example', records: [] }] }), { previous: before });
    expect(diffPlans(before, after).changes.map(({ object, id, inPlace }) => [object, id, inPlace])).toEqual([['host', 'pc', true]]);
  });
});
