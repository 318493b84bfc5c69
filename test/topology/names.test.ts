import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interfaceName, interfaceNameProblem, labelProblem, macFor, nearest, netnsName, stableHash, subdomainProblem } from '../../topology/names.ts';

describe('names that Kubernetes takes', () => {
  it.each(['a', 'web-1', '1', '2e34dcf34', 'a'.repeat(63)])('takes the label %s', (text) => {
    expect(labelProblem(text)).toBeNull();
  });

  it.each([
    ['', 'empty'],
    ['Web', '"W" (character 1)'],
    ['a b', 'a space (character 2)'],
    ['a;rm', '";" (character 2)'],
    ['../etc', '"." (character 1)'],
    ['a$(id)', '"$"'],
    ['a\u0000b', 'U+0000'],
    ['-a', 'begins with "-"'],
    ['a-', 'ends with "-"'],
    ['a'.repeat(64), '64 characters; 63'],
    ['größe', '"ö"'],
    ['a"b', `'"'`],
  ])('says why %j is no label', (text, reason) => {
    expect(labelProblem(text)).toContain(reason);
  });

  it('asks for lower case by name', () => {
    expect(labelProblem('Web')).toContain('write it in lower case');
    expect(labelProblem('a_b')).not.toContain('lower case');
  });

  it.each(['web.example.com', 'a'])('takes the subdomain %s', (text) => {
    expect(subdomainProblem(text)).toBeNull();
  });

  it.each([
    ['a..b', 'empty part'],
    ['.a', 'empty part'],
    ['a.-b', 'part "-b" begins'],
    ['', 'empty'],
    ['a/b', '"/"'],
    [`${'a.'.repeat(127)}a`, '255 characters; 253'],
  ])('judges the subdomain %j', (text, reason) => {
    expect(subdomainProblem(text)).toContain(reason);
  });

  it.each(['cni0', 'v-net-0', 'flannel.1'])('takes the interface %s', (text) => {
    expect(interfaceNameProblem(text)).toBeNull();
  });

  it.each([
    ['a'.repeat(16), '16 bytes'],
    ['a/b', '"/"'],
    ['..', 'folder'],
    ['a b', 'a space'],
    ['', 'empty'],
    ['a:b', '":"'],
  ])('judges the interface %j', (text, reason) => {
    expect(interfaceNameProblem(text)).toContain(reason);
  });
});

describe('names that are derived', () => {
  it('hashes the same everywhere', () => {
    expect(stableHash('', 12)).toBe('e3b0c44298fc');
    expect(stableHash('c1/worker1', 64)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives locally administered unicast MACs', () => {
    fc.assert(
      fc.property(fc.string(), (identity) => {
        expect(macFor(identity)).toMatch(/^02(:[0-9a-f]{2}){5}$/);
      }),
    );
    expect(macFor('a')).not.toBe(macFor('b'));
  });

  it('fits interface names into the kernel', () => {
    expect(interfaceName('cali', 'c1/default/web')).toMatch(/^cali[0-9a-f]{11}$/);
    expect(interfaceName('vethwepl', 'x')).toHaveLength(15);
    expect(interfaceName('p', 'x')).toHaveLength(12);
    expect(() => interfaceName('muchtoolong', 'x')).toThrow('9 bytes at most');
  });

  it('keeps namespace names readable, short and apart', () => {
    expect(netnsName('node', 'c1', 'worker1')).toBe('node.c1.worker1');
    expect(netnsName('pod', 'c1', 'default', 'web.1')).toMatch(/^pod\.c1\.default\.web\.1-[0-9a-f]{10}$/);
    expect(netnsName('a', 'b.c')).not.toBe(netnsName('a.b', 'c'));
    expect(netnsName('..')).toMatch(/^[0-9a-f]{10}$/);
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (parts) => {
        const name = netnsName(...parts);
        expect(name).toMatch(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(60);
      }),
    );
  });

  it('keeps different parts apart', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', 'A', '/'), minLength: 1, maxLength: 4 });
    const parts = fc.array(part, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(netnsName(...a) === netnsName(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2000 },
    );
  });

  it('finds the word that was meant', () => {
    expect(nearest('podCidr', ['podCIDR', 'nodes'])).toBe('podCIDR');
    expect(nearest('vlan', ['vxlan', 'host-gw'])).toBe('vxlan');
    expect(nearest('tpc', ['udp', 'tcp'])).toBe('tcp');
    expect(nearest('cilium', ['bridge', 'flannel'])).toBeNull();
    expect(nearest('x', [])).toBeNull();
  });
});
