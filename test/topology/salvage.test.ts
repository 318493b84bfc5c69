import { describe, expect, it } from 'vitest';
import { findingsBesides } from '../../topology/salvage.ts';
import { parseLabSpec } from '../../topology/schema.ts';

const besides = (input: unknown): readonly string[] => {
  const parsed = parseLabSpec(input);
  return parsed.ok ? ['the shape is right'] : findingsBesides(input, parsed.diagnostics).map((d) => d.code);
};

describe('findingsBesides', () => {
  it('finds what the rules say when a field is unknown', () => {
    expect(
      besides({ name: '../x', clusters: [{ name: 'c1', bogus: 1, podCIDR: '10.96.0.0/12', serviceCIDR: '10.100.0.0/16', cni: { type: 'bridge' } }] }),
    ).toEqual(expect.arrayContaining(['NAME_INVALID', 'CIDR_OVERLAP']));
  });

  it('finds them when the CNI is unknown, and says nothing about the CNI', () => {
    const codes = besides({ name: 'ok', clusters: [{ name: 'c1', podCIDR: '10.96.0.0/12', serviceCIDR: '10.100.0.0/16', cni: { type: 'flanel', vni: 3 } }] });
    expect(codes).toEqual(['CIDR_OVERLAP']);
  });

  it('is silent when nothing readable is left', () => {
    expect(besides('text')).toEqual([]);
    expect(besides({ clusters: 3 })).toEqual([]);
    expect(besides({ name: 'x', hosts: [3] })).toEqual([]);
  });
});
