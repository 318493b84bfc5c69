/**
 * Random worlds for NetworkPolicies: namespaces, pods on two nodes, policies, and the connections that are tried. A world is drawn without addresses; it gets
 * them with the place at which it stands in the kernel, so that many stand there side by side.
 */
import fc from 'fast-check';
import type { Flow, FlowEnd } from '../../topology/policy/evaluate.ts';
import type { PolicyPod, PolicyProtocol, PolicyWorld } from '../../topology/policy/model.ts';
import { readPolicy } from '../../topology/policy/read-policy.ts';
import type { Family, KubernetesObject } from '../../topology/spec.ts';

type Labels = Readonly<Record<string, string>>;
type Side = 0 | 1;

const NAMESPACES = ['x', 'y', 'z'] as const;
export const NODES = ['n1', 'n2'] as const;
/** Addresses of the nodes, seen where they call pods of the other one. */
export const NODE_ADDRESSES: readonly Readonly<Record<Family, string>>[] = [
  { ipv4: '172.30.0.1', ipv6: 'fd00:30::1' },
  { ipv4: '172.30.0.2', ipv6: 'fd00:30::2' },
];
/** Beyond node n1. */
const OUTSIDE: Readonly<Record<Family, readonly string[]>> = { ipv4: ['203.0.113.5', '203.0.113.130'], ipv6: ['2001:db8::5', '2001:db8::8005'] };

/** Most worlds that may stand in the kernel at once: one second octet of 10.0.0.0/8 each, below 128 for pods of n1, from 128 on for those of n2. */
export const MOST_PLACES = 100;

const podAddress = (place: number, side: Side, number: number): Readonly<Record<Family, string>> => ({
  ipv4: `10.${place + 128 * side}.0.${number}`,
  ipv6: `fd0${side + 1}:${place.toString(16)}::${number === 0 ? '' : number.toString(16)}`,
});

interface DrawnPod {
  readonly namespace: number;
  readonly side: Side;
  readonly labels: Labels;
  readonly dual: boolean;
  readonly hostNetwork: boolean;
  readonly ports: readonly { readonly name: string; readonly protocol: PolicyProtocol; readonly port: number }[];
}

/** A part of the addresses of a world, or of all there are. */
interface DrawnBlock {
  readonly family: Family;
  readonly of: 'everything' | 'pods of n1' | 'pods of n2' | 'outside' | 'nodes' | 'one pod';
  readonly number: number;
  /** Bits that are left of the range's own 24 (IPv6: 64) for the host; fewer make smaller blocks. */
  readonly hostBits: number;
  readonly except: readonly { readonly number: number; readonly hostBits: number }[];
}

type DrawnPeer = { readonly kind: 'block'; readonly block: DrawnBlock } | { readonly kind: 'selectors'; readonly peer: Readonly<Record<string, unknown>> };
interface DrawnRule {
  readonly peers: readonly DrawnPeer[];
  readonly ports: readonly Readonly<Record<string, unknown>>[];
}
interface DrawnPolicy {
  readonly namespace: number;
  readonly podSelector: unknown;
  readonly policyTypes: readonly string[] | undefined;
  readonly ingress: readonly DrawnRule[] | undefined;
  readonly egress: readonly DrawnRule[] | undefined;
}

export interface DrawnWorld {
  readonly namespaces: readonly Labels[];
  readonly pods: readonly DrawnPod[];
  readonly policies: readonly DrawnPolicy[];
  /** Which services the pairs try. */
  readonly salt: number;
}

const LABELS = { app: ['a', 'b', 'c'], tier: ['front', 'back'], track: [''] } as const;
const KEYS = Object.keys(LABELS);
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const PORT_NAMES = ['http', 'dns', 'sig'] as const;
const PORTS = [7, 53, 80, 81, 82] as const;

const labels = fc.record(
  { app: fc.constantFrom(...LABELS.app), tier: fc.constantFrom(...LABELS.tier), track: fc.constantFrom(...LABELS.track) },
  { requiredKeys: [] },
) as fc.Arbitrary<Labels>;

const expression = fc.constantFrom(...KEYS, 'absent').chain((key) => {
  const known: readonly string[] = Object.hasOwn(LABELS, key) ? LABELS[key as keyof typeof LABELS] : ['a'];
  return fc.oneof(
    fc.record({
      key: fc.constant(key),
      operator: fc.constantFrom('In', 'NotIn'),
      values: fc.uniqueArray(fc.constantFrom(...known, 'other'), { minLength: 1 }),
    }),
    fc.record({ key: fc.constant(key), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
  );
});
const selector = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labels }) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) }, { requiredKeys: [] }) },
);

const block: fc.Arbitrary<DrawnBlock> = fc.record({
  family: fc.constantFrom('ipv4', 'ipv4', 'ipv6'),
  of: fc.constantFrom('everything', 'pods of n1', 'pods of n2', 'outside', 'nodes', 'one pod'),
  number: fc.nat(9),
  hostBits: fc.nat(8),
  except: fc.array(fc.record({ number: fc.nat(9), hostBits: fc.nat(7) }), { maxLength: 3 }),
});
const peer: fc.Arbitrary<DrawnPeer> = fc.oneof(
  fc.record({ kind: fc.constant('block' as const), block }),
  fc.record({
    kind: fc.constant('selectors' as const),
    peer: fc.oneof(
      fc.record({ podSelector: selector }),
      fc.record({ namespaceSelector: selector }),
      fc.record({ podSelector: selector, namespaceSelector: selector }),
    ),
  }),
);
const protocol = fc.constantFrom(...PROTOCOLS, 'TCP', 'TCP', 'UDP');
const port = fc.oneof(
  fc.record({ protocol }),
  fc.record({ protocol, port: fc.constantFrom(...PORTS) }),
  fc.record({ protocol, port: fc.constantFrom(...PORT_NAMES) }),
  fc.record({ protocol, port: fc.constantFrom(7, 53, 80), endPort: fc.constantFrom(80, 81, 65_535) }),
  fc.record({ port: fc.constantFrom(80, 'http') }),
);
/** Everybody, or everything, one time in six: worlds in which all is allowed teach nothing. */
const some = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 5, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }) });
const rule: fc.Arbitrary<DrawnRule> = fc.record({ peers: some(peer), ports: some(port) });
const rules = fc.option(fc.array(rule, { maxLength: 3 }), { nil: undefined });

const pod: fc.Arbitrary<DrawnPod> = fc.record({
  namespace: fc.nat(NAMESPACES.length - 1),
  side: fc.constantFrom<Side>(0, 1),
  labels,
  dual: fc.boolean(),
  hostNetwork: fc.nat(9).map((n) => n === 0),
  ports: fc.array(fc.record({ name: fc.constantFrom(...PORT_NAMES), protocol: fc.constantFrom(...PROTOCOLS, 'TCP'), port: fc.constantFrom(...PORTS) }), {
    maxLength: 4,
  }),
});

export const drawnWorld: fc.Arbitrary<DrawnWorld> = fc.record({
  namespaces: fc.tuple(...NAMESPACES.map(() => labels)),
  pods: fc.array(pod, { minLength: 2, maxLength: 7 }),
  policies: fc.array(
    fc.record({
      namespace: fc.nat(NAMESPACES.length - 1),
      podSelector: selector,
      policyTypes: fc.constantFrom(undefined, undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']),
      ingress: rules,
      egress: rules,
    }),
    { minLength: 1, maxLength: 6 },
  ),
  salt: fc.nat(1000),
});

/** One end of a connection, with where its packets come from and go to in the kernel. */
export interface PlacedEnd {
  readonly end: (family: Family) => FlowEnd;
  readonly address: Readonly<Partial<Record<Family, string>>>;
  /** Behind which node it is; the node itself has no side of the wire. */
  readonly side: Side;
  readonly isNode: boolean;
  readonly isPod: boolean;
}
export interface PlacedFlow {
  readonly flow: Flow;
  readonly from: PlacedEnd;
  readonly to: PlacedEnd;
  readonly source: string;
  readonly destination: string;
}
export interface PlacedWorld {
  readonly world: PolicyWorld;
  readonly objects: readonly KubernetesObject[];
  readonly flows: readonly PlacedFlow[];
}

/** The words of a block at a place. Every except that the API server would refuse, because it is not inside, is left out. */
function blockText(drawn: DrawnBlock, place: number): { readonly cidr: string; readonly except: readonly string[] } {
  const { family, of, number } = drawn;
  const v4 = family === 'ipv4';
  const range = (side: Side): string => podAddress(place, side, 0)[family];
  const base = {
    everything: v4 ? '0.0.0.0' : '::',
    'pods of n1': range(0),
    'pods of n2': range(1),
    outside: v4 ? '203.0.113.0' : '2001:db8::',
    nodes: v4 ? '172.30.0.0' : 'fd00:30::',
    'one pod': podAddress(place, number % 2 === 0 ? 0 : 1, 2 + (number >> 1))[family],
  }[of];
  const bits = v4 ? 32 : 128;
  const hostBits = of === 'everything' ? bits : of === 'one pod' ? 0 : Math.max(1, drawn.hostBits);
  const candidates = of === 'everything' ? ([0, 1] as const).map(range) : [base];
  const except = drawn.except.flatMap((hole, i) => {
    const size = Math.min(hole.hostBits, hostBits - 1);
    const at = candidates[i % candidates.length] ?? base;
    // The hole begins at a multiple of its size, inside of the block.
    const offset = ((2 + hole.number) >> size) << size;
    if (hostBits === 0 || offset >= 2 ** Math.min(hostBits, 16)) return [];
    return [`${v4 ? at.replace(/0$/, `${offset}`) : offset === 0 ? at : `${at}${offset.toString(16)}`}/${bits - size}`];
  });
  return { cidr: `${base}/${bits - hostBits}`, except };
}

function policyObject(drawn: DrawnPolicy, index: number, place: number): KubernetesObject {
  const list = (rules: readonly DrawnRule[] | undefined, side: 'from' | 'to'): unknown =>
    rules?.map((r) => ({
      ...(r.peers.length === 0 ? {} : { [side]: r.peers.map((p) => (p.kind === 'block' ? { ipBlock: blockText(p.block, place) } : p.peer)) }),
      ...(r.ports.length === 0 ? {} : { ports: r.ports.filter((p) => typeof p['endPort'] !== 'number' || p['endPort'] >= Number(p['port'])) }),
    }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `p${index}`, namespace: NAMESPACES[drawn.namespace] ?? 'x' },
    spec: {
      podSelector: drawn.podSelector,
      ...(drawn.policyTypes === undefined ? {} : { policyTypes: drawn.policyTypes }),
      ...(drawn.ingress === undefined ? {} : { ingress: list(drawn.ingress, 'from') }),
      ...(drawn.egress === undefined ? {} : { egress: list(drawn.egress, 'to') }),
    },
  };
}

const SERVICES: readonly (readonly [PolicyProtocol, number])[] = [
  ['TCP', 80],
  ['UDP', 53],
  ['TCP', 81],
  ['SCTP', 7],
  ['UDP', 80],
  ['TCP', 53],
  ['TCP', 82],
  ['SCTP', 80],
  ['UDP', 81],
  ['TCP', 7],
];
/** Connections tried per ordered pair of ends. */
const PER_PAIR = 3;

/**
 * A drawn world at a place in the kernel.
 *
 * @throws Error when a policy is not one that the API server takes: the drawing would be wrong
 */
export function placeWorld(drawn: DrawnWorld, place: number): PlacedWorld {
  const objects = drawn.policies.map((policy, i) => policyObject(policy, i, place));
  const policies = objects.map((object) => {
    const { policy, findings } = readPolicy(object, []);
    const wrong = findings.find((f) => f.severity === 'error' || f.code === 'CIDR_HOST_BITS');
    if (wrong !== undefined) throw new Error(`${wrong.code} ${wrong.path.join('.')}: ${wrong.message}`);
    return policy;
  });
  const counts = [0, 0];
  const placed = drawn.pods.map((p, i): { readonly pod: PolicyPod; readonly at: PlacedEnd } => {
    const number = 2 + (counts[p.side] ?? 0);
    counts[p.side] = number - 1;
    const own = podAddress(place, p.side, number);
    const both = p.hostNetwork ? NODE_ADDRESSES[p.side] : own;
    const address: Partial<Record<Family, string>> = p.dual || p.hostNetwork ? { ...both } : { ipv4: own.ipv4 };
    const namespace = NAMESPACES[p.namespace] ?? 'x';
    const id = `w${place}/${namespace}/pod${i}`;
    return {
      pod: {
        id,
        namespace,
        labels: p.labels,
        node: NODES[p.side],
        hostNetwork: p.hostNetwork,
        addresses: p.hostNetwork ? [] : Object.values(address),
        ports: p.ports,
      },
      at: { end: (family) => ({ kind: 'pod', id, address: address[family] ?? '' }), address, side: p.side, isNode: p.hostNetwork, isPod: !p.hostNetwork },
    };
  });
  const nodes = ([0, 1] as const).map((side): PlacedEnd => {
    const address: PlacedEnd['address'] = NODE_ADDRESSES[side] ?? {};
    return { end: (family) => ({ kind: 'node', name: NODES[side], address: address[family] ?? '' }), address, side, isNode: true, isPod: false };
  });
  const strangers = [0, 1].map((i): PlacedEnd => {
    const address = { ipv4: OUTSIDE.ipv4[i] ?? '', ipv6: OUTSIDE.ipv6[i] ?? '' };
    return { end: (family) => ({ kind: 'outside', address: address[family] }), address, side: 0, isNode: false, isPod: false };
  });
  const ends = [...placed.map((p) => p.at), ...nodes, ...strangers];
  let turn = drawn.salt;
  const flows = ends.flatMap((from) =>
    ends.flatMap((to) =>
      // Policies have no say where no pod is an end. A pod sends to itself, too, as by a Service: then its packets leave it.
      !(from.isPod || to.isPod)
        ? []
        : Array.from({ length: PER_PAIR }, (): readonly PlacedFlow[] => {
            turn += 1;
            const [protocolOf, portOf] = SERVICES[turn % SERVICES.length] ?? (['TCP', 80] as const);
            const family: Family = turn % 4 === 3 ? 'ipv6' : 'ipv4';
            const source = from.address[family];
            const destination = to.address[family];
            if (source === undefined || destination === undefined) return [];
            return [{ flow: { from: from.end(family), to: to.end(family), protocol: protocolOf, port: portOf, family }, from, to, source, destination }];
          }).flat(),
    ),
  );
  const namespaces = Object.fromEntries(NAMESPACES.map((name, i) => [name, drawn.namespaces[i] ?? {}]));
  return { world: { namespaces, pods: placed.map((p) => p.pod), policies }, objects, flows };
}
