import { describe, expect, it } from 'vitest';
import {
  endpointText,
  iptablesEndpointChain,
  iptablesServiceChains,
  nftablesEndpointNames,
  nftablesServiceChains,
  proxyHash,
  servicePortName,
} from '../../topology/services/proxy/hashes.ts';

/** Names that a real kube-proxy gave (and its own tests expect). */
const SERVICES: readonly (readonly [namespace: string, service: string, port: string, protocol: string, iptables: string, nftables: string | null])[] = [
  ['default', 'kubernetes', 'https', 'tcp', 'NPX46M4PTMTKRN6Y', '2QRHZV4L'],
  ['kube-system', 'kube-dns', 'dns', 'udp', 'TCOU7JCQXEZGVUNU', 'FY5PMXPG'],
  ['kube-system', 'kube-dns', 'dns-tcp', 'tcp', 'ERIFXISQEP7F7OF4', 'NWBZK7IH'],
  ['kube-system', 'kube-dns', 'metrics', 'tcp', 'JD5MR3NA4I4DYORP', null],
  ['ns1', 'svc1', 'p80', 'tcp', 'XPGD46QRK7WJZT7O', 'ULMVA6XW'],
  ['ns4', 'svc4', 'p80', 'tcp', '4SW47YFZTEDKD3PK', 'LAUZTJTB'],
  ['default', 'web', '', 'tcp', 'LOLE4ISW44XBNF3G', 'PFISGYVC'],
  ['default', 'web', 'http', 'tcp', 'CDGGSHYLG3RE2FKL', 'SUSTUHLJ'],
];
const ENDPOINTS: readonly (readonly [service: number, address: string, port: number, iptables: string | null, nftables: string | null])[] = [
  [4, '10.180.0.1', 80, 'SXIVWICOYRO3J4NJ', '5OJB2KTY'],
  [4, '10.180.2.1', 80, 'ZX7GRIZKSNUQ3LAJ', null],
  [5, '10.180.0.4', 80, 'UKSFD7AGPMPPLUHC', 'UNZV3OEC'],
  [6, '10.244.1.5', 8080, 'XQWD6PXGZUTOOIVQ', null],
  [7, '10.244.1.5', 8080, 'AFGSLHOD2HFNCBX4', 'HGNPOIJ5'],
  [7, '10.244.2.7', 8080, '2RIJ5GIYXEFH6G4D', 'BZGFZVVG'],
  [7, 'fd00:10:244:1::5', 8080, null, 'HE2HNQNF'],
];

describe('chains of services', () => {
  it.each(SERVICES)('%s/%s:%s %s', (namespace, service, port, protocol, iptables, nftables) => {
    expect(iptablesServiceChains(servicePortName(namespace, service, port), protocol)).toEqual({
      cluster: `KUBE-SVC-${iptables}`,
      local: `KUBE-SVL-${iptables}`,
      external: `KUBE-EXT-${iptables}`,
      firewall: `KUBE-FW-${iptables}`,
    });
    if (nftables === null) return;
    const base = `${nftables}-${namespace}/${service}/${protocol}/${port}`;
    expect(nftablesServiceChains({ namespace, service, protocol, port })).toEqual({
      cluster: `service-${base}`,
      local: `local-${base}`,
      external: `external-${base}`,
      firewall: `firewall-${base}`,
    });
  });
});

describe('chains of endpoints', () => {
  it.each(ENDPOINTS)('%s: %s port %s', (index, address, endpointPort, iptables, nftables) => {
    const [namespace = '', service = '', port = '', protocol = ''] = SERVICES[index] ?? [];
    const chain = iptablesEndpointChain(servicePortName(namespace, service, port), protocol, endpointText(address, endpointPort));
    if (iptables !== null) expect(chain).toBe(`KUBE-SEP-${iptables}`);
    const names = nftablesEndpointNames({ namespace, service, protocol, port }, address, endpointPort);
    const text = `${namespace}/${service}/${protocol}/${port}__${address.replaceAll(':', '.')}/${endpointPort}`;
    expect(names.affinity.slice('affinity-'.length)).toBe(names.chain.slice('endpoint-'.length));
    expect(names.chain).toMatch(/^endpoint-[A-Z2-7]{8}-/);
    expect(names.chain.slice('endpoint-'.length + 9)).toBe(text);
    if (nftables !== null) expect(names.chain).toContain(`-${nftables}-`);
  });
});

describe('hashes', () => {
  it('are the first characters of base32 of sha256', () => {
    // `printf '' | sha256sum | xxd -r -p | base32`
    expect(proxyHash('', 16)).toBe('4OYMIQUY7QOBJGX3');
    expect(proxyHash('', 8)).toBe('4OYMIQUY');
  });
  it('leave names of nftables within 255 bytes, however long the parts are', () => {
    const chains = nftablesServiceChains({ namespace: 'n'.repeat(63), service: 's'.repeat(63), protocol: 'sctp', port: 'p'.repeat(15) });
    expect(chains.external).toHaveLength('external-'.length + 9 + 63 + 1 + 63 + 1 + 4 + 1 + 15);
    const { affinity } = nftablesEndpointNames(
      { namespace: 'n'.repeat(63), service: 's'.repeat(63), protocol: 'sctp', port: 'p'.repeat(100) },
      'fd00:1111:2222:3333:4444:5555:6666:7777',
      65535,
    );
    expect(affinity).toHaveLength('affinity-'.length + 240);
    expect(affinity.endsWith('...')).toBe(true);
  });
});
