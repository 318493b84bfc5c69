import { describe, expect, it } from 'vitest';
import { addressBytes, addressText, macBytes, macText, prefixBytes } from '../../engines/netns/agent/address-bytes.ts';

describe('addresses in network byte order', () => {
  it.each(['0.0.0.0', '10.244.1.77', '255.255.255.255', '::', '::1', 'fd00:10:244:1::4d', '2001:db8::1:0:0:1', 'fe80::1'])('%s', (text) => {
    expect(addressBytes(text)).toHaveLength(text.includes(':') ? 16 : 4);
    expect(addressText(addressBytes(text))).toBe(text);
  });

  it('MACs and prefixes', () => {
    expect(macText(macBytes('02:00:5e:0a:00:ff'))).toBe('02:00:5e:0a:00:ff');
    expect(macText(new Uint8Array())).toBe('');
    expect(() => macBytes('02:00:5e')).toThrow('is not a MAC address');
    expect(prefixBytes('10.244.0.0/16')).toEqual({ bytes: Uint8Array.of(10, 244, 0, 0), length: 16 });
    expect(prefixBytes('10.0.0.1').length).toBe(32);
    expect(() => addressBytes('10.0.0.256')).toThrow('10.0.0.256');
  });
});
