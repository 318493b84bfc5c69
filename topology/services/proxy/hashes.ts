/** Names of kube-proxy's chains and sets. Source of the recipes: Kubernetes pkg/proxy/iptables and pkg/proxy/nftables, functions servicePort…ChainName. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Hashes repeat on every node of a cluster; this many are remembered. */
const REMEMBERED = 50_000;
const known = new Map<string, string>();

/** The first `characters` (a multiple of 8) of the base32 form (RFC 4648, upper case) of sha256(text). */
export function proxyHash(text: string, characters: 8 | 16): string {
  const key = `${characters}${text}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const digest = createHash('sha256').update(text).digest();
  let hash = '';
  for (let at = 0; hash.length < characters; at += 5) {
    // Five bytes are eight characters, and 40 bits fit a double.
    const bits = digest.readUIntBE(at, 5);
    for (let shift = 35; shift >= 0; shift -= 5) hash += BASE32[Math.floor(bits / 2 ** shift) % 32];
  }
  if (known.size >= REMEMBERED) known.clear();
  known.set(key, hash);
  return hash;
}

/** `namespace/name:port`, or `namespace/name` where the port has no name: kube-proxy's name of a Service's port, in comments and hashes. */
export function servicePortName(namespace: string, name: string, port: string): string {
  return port === '' ? `${namespace}/${name}` : `${namespace}/${name}:${port}`;
}

/** `10.244.1.5:8080`, `[fd00::5]:8080`. */
export function endpointText(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

export interface ServiceChains {
  /** Endpoints under traffic policy Cluster. */
  readonly cluster: string;
  /** Endpoints under traffic policy Local. */
  readonly local: string;
  /** Entry from node ports, external addresses and load balancer addresses. */
  readonly external: string;
  /** Source ranges of a load balancer. */
  readonly firewall: string;
}

/** Chains of a Service's port in iptables mode; all share one hash. */
export function iptablesServiceChains(portName: string, protocol: string): ServiceChains {
  const hash = proxyHash(portName + protocol, 16);
  return { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` };
}

/** Chain of an endpoint in iptables mode, and the name of its list of clients; `endpoint` as by {@link endpointText}. */
export function iptablesEndpointChain(portName: string, protocol: string, endpoint: string): string {
  return `KUBE-SEP-${proxyHash(portName + protocol + endpoint, 16)}`;
}

export interface NftPort {
  readonly namespace: string;
  readonly service: string;
  readonly protocol: string;
  /** Name of the port, '' when it has none. */
  readonly port: string;
}

/** Chains of a Service's port in nftables mode. */
export function nftablesServiceChains(port: NftPort): ServiceChains {
  const base = hashed(textOf(port));
  return { cluster: `service-${base}`, local: `local-${base}`, external: `external-${base}`, firewall: `firewall-${base}` };
}

/** Chain and affinity set of an endpoint in nftables mode. Colons are not allowed in names of nftables: those of IPv6 become dots. */
export function nftablesEndpointNames(port: NftPort, address: string, endpointPort: number): { readonly chain: string; readonly affinity: string } {
  const base = hashed(`${textOf(port)}__${address.replaceAll(':', '.')}/${endpointPort}`);
  return { chain: `endpoint-${base}`, affinity: `affinity-${base}` };
}

function textOf({ namespace, service, protocol, port }: NftPort): string {
  return `${namespace}/${service}/${protocol}/${port}`;
}

/** Names of nftables hold at most 255 bytes; kube-proxy cuts at 240 and leaves room for its prefixes. */
function hashed(text: string): string {
  const name = `${proxyHash(text, 8)}-${text}`;
  return name.length > 240 ? `${name.slice(0, 237)}...` : name;
}
