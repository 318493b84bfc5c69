/**
 * Who plays which part, where not every pod can do everything: pods of a Job ask, the pods of a DaemonSet answer, and in a large cluster each
 * node asks a share of the others. Without a cast every end asks and answers all.
 */
export interface Cast {
  /** Identities of the pods that send probes to the ones that answer. */
  readonly asks: ReadonlySet<string>;
  /** Those of them that also ask themselves, nodes, closed ports and addresses that nobody has, and that stream. */
  readonly asksAll: ReadonlySet<string>;
  /** Identities of the pods that answer them; one that is in neither set takes no part. */
  readonly answers: ReadonlySet<string>;
  /** Node i asks the ends of the nodes (i + offset) modulo their number, counted in the order of the plan. */
  readonly offsets: readonly number[] | 'all';
  /** Identity of a node → addresses of its share of the pod network that no pod of the cluster has, the lab's own or not. */
  readonly nobody: ReadonlyMap<string, readonly string[]>;
  /** `10.244.1.2 tcp 8080`: what programs of the lab answer with their names, where no responders can be opened. @default responders are opened */
  readonly serves?: ReadonlySet<string>;
  /** Identities of the nodes and hosts that ask. @default all of them */
  readonly machines?: ReadonlySet<string>;
  /** Ordered pairs of ends: no others are probed. @default asking with answering ends */
  readonly pairs?: readonly (readonly [client: string, server: string])[];
  /** Services that are asked for, by all their ports or by one. @default all */
  readonly services?: readonly { readonly id: string; readonly port: number | null }[];
}

/** Does something answer there that says who it is? */
export function isServed(cast: Cast | null, address: string, protocol: 'tcp' | 'udp', port: number): boolean {
  return cast?.serves?.has(`${address} ${protocol} ${port}`) ?? true;
}

/** May a node ask another under the cast's sample? Indexes in the order of the plan. */
export function isAsked(cast: Cast | null, client: number, server: number, nodes: number): boolean {
  return cast === null || cast.offsets === 'all' || cast.offsets.includes((((server - client) % nodes) + nodes) % nodes);
}
