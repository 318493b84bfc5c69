/** Who is meant by selectors and blocks, as sets of pods and addresses. Works on whole sets, label by label; the evaluator asks about one pair at a time. */
import { parseAddress } from '../../../topology/cidr.ts';
import type { LabelSelector, PolicyPeer, PolicyPod, PolicyWorld } from '../../../topology/policy/model.ts';
import type { Family } from '../../../topology/spec.ts';
import { intervalOf, union, without, type Interval } from './intervals.ts';

/** The things that a selector picks out of many. */
export function pick<T>(things: ReadonlySet<T>, selector: LabelSelector, labelsOf: (thing: T) => Readonly<Record<string, string>>): ReadonlySet<T> {
  let left = things;
  for (const { key, operator, values } of selector) {
    const having = new Set([...left].filter((thing) => Object.keys(labelsOf(thing)).includes(key)));
    const listed = new Set([...having].filter((thing) => values.some((value) => labelsOf(thing)[key] === value)));
    const wanted = { In: listed, Exists: having, NotIn: difference(left, listed), DoesNotExist: difference(left, having) };
    left = wanted[operator];
  }
  return left;
}

function difference<T>(all: ReadonlySet<T>, some: ReadonlySet<T>): ReadonlySet<T> {
  return new Set([...all].filter((thing) => !some.has(thing)));
}

/** Pods that are pods to policies: those in their node's namespace are not. */
export function podsOf(world: PolicyWorld): ReadonlySet<PolicyPod> {
  return new Set(world.pods.filter((pod) => !pod.hostNetwork));
}

/** The pods of a namespace that a selector picks. */
export function podsIn(world: PolicyWorld, namespace: string, selector: LabelSelector): ReadonlySet<PolicyPod> {
  return pick(new Set([...podsOf(world)].filter((pod) => pod.namespace === namespace)), selector, (pod) => pod.labels);
}

/** The pod's address of a family, as a number. */
export function addressOf(pod: PolicyPod, family: Family): bigint | null {
  const parsed = pod.addresses.map(parseAddress).find((address) => address.family === family);
  return parsed?.value ?? null;
}

/** Addresses of the peers of a rule, each once. */
export function peerIntervals(world: PolicyWorld, namespace: string, peers: readonly PolicyPeer[], family: Family): readonly Interval[] {
  return union(
    peers.flatMap((peer): readonly Interval[] => {
      if (peer.kind === 'block') return peer.cidr.family === family ? without(intervalOf(peer.cidr), peer.except.map(intervalOf)) : [];
      const namespaces =
        peer.namespaces === null ? [namespace] : pick(new Set(Object.keys(world.namespaces)), peer.namespaces, (name) => world.namespaces[name] ?? {});
      return [...namespaces]
        .flatMap((name) => [...podsIn(world, name, peer.pods)])
        .flatMap((pod) => {
          const address = addressOf(pod, family);
          return address === null ? [] : [[address, address] as const];
        });
    }),
  );
}
