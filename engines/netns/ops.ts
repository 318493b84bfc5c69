import type { Portal } from '../../topology/services/proxy/userspace-rules.ts';

/**
 * What the agent does to the kernel, as data. A plan compiles to stages of ops (pure, golden-tested); applying them is dumb.
 * Names, not indexes: the agent keeps the index of every link of every namespace it touches.
 */
export type Op =
  /** A network namespace, bind-mounted at /run/netns/NS of the holder, loopback up. */
  | { readonly op: 'netns'; readonly ns: string }
  /** `key` relative to /proc/sys, with slashes: net/ipv4/ip_forward. */
  | { readonly op: 'sysctl'; readonly ns: string; readonly key: string; readonly value: string }
  /** Up after creation. */
  | { readonly op: 'bridge'; readonly ns: string; readonly name: string; readonly mac: string; readonly mtu: number }
  /** Both ends up. `peer` is made directly in its own namespace. */
  | {
      readonly op: 'veth';
      readonly ns: string;
      readonly name: string;
      readonly mac: string | null;
      readonly mtu: number;
      readonly master: string | null;
      readonly hairpin: boolean;
      readonly peer: { readonly ns: string; readonly name: string; readonly mac: string; readonly mtu: number };
    }
  /** Up after creation. `local`, `dev`: outer source and interface. */
  | {
      readonly op: 'vxlan';
      readonly ns: string;
      readonly name: string;
      readonly mac: string;
      readonly mtu: number;
      readonly vni: number;
      readonly port: number;
      readonly local: string;
      readonly dev: string;
      readonly learning: boolean;
      readonly master: string | null;
    }
  | { readonly op: 'ipip'; readonly ns: string; readonly name: string; readonly mtu: number; readonly local: string }
  /** A TUN device, up; without carrier until a process has it open. */
  | { readonly op: 'tun'; readonly ns: string; readonly name: string; readonly mtu: number }
  | { readonly op: 'address'; readonly ns: string; readonly dev: string; readonly address: string; readonly prefixLength: number }
  | {
      readonly op: 'route';
      readonly ns: string;
      readonly to: string;
      readonly via: string | null;
      readonly dev: string | null;
      readonly onlink: boolean;
      readonly type: 'unicast' | 'blackhole';
    }
  /** Permanent neighbour entry. `mac` null: a proxy entry, by which this machine answers for the address on `dev` and passes on what it gets. */
  | { readonly op: 'neigh'; readonly ns: string; readonly dev: string; readonly address: string; readonly mac: string | null }
  /** Permanent FDB entry of a VXLAN device (`self`); MAC 00:00:00:00:00:00 floods, and may be appended for several `dst`. */
  | { readonly op: 'fdb'; readonly ns: string; readonly dev: string; readonly mac: string; readonly dst: string }
  /** One iptables-restore (`--noflush`) per namespace and family; the text declares and fills cnilab's own chains. Replaced as a whole. */
  | { readonly op: 'rules'; readonly ns: string; readonly family: 'ipv4' | 'ipv6'; readonly text: string }
  /**
   * One `nft -f` that puts a table in the place of the one of that name, in one transaction. `text` is the table as nft prints it, and replaces the other as a
   * whole; or one command a line (`add table …` first), of which only the difference is written, so that sets keep what they learned.
   */
  | { readonly op: 'nft'; readonly ns: string; readonly family: 'ip' | 'ip6' | 'inet'; readonly table: string; readonly text: string }
  /** A dummy device, down: its addresses are local, nothing is ever sent by it. */
  | { readonly op: 'dummy'; readonly ns: string; readonly name: string }
  /** Virtual servers of IPVS (lines for `ipvsadm --restore`) and ipsets (lines for `ipset restore`). Brought up to date, not replaced. */
  | {
      readonly op: 'ipvs';
      readonly ns: string;
      readonly sets: readonly string[];
      readonly servers: readonly string[];
      /** Settings that exist only once the module is loaded. */
      readonly sysctls: readonly { readonly key: string; readonly value: string }[];
    }
  /** A file in the holder's private /run; the path must start with /run/cnilab/. */
  | { readonly op: 'file'; readonly path: string; readonly text: string }
  /**
   * What the installer of a CNI leaves on a node, in the folders that {@link cniFolders} names: the network configuration list, and links to the
   * plugins of the machine (those of `pluginDirs` first). Replaced as a whole, but for files of others beside the list.
   */
  | {
      readonly op: 'cni-setup';
      readonly ns: string;
      readonly list: Readonly<Record<string, unknown>>;
      readonly pluginDirs: readonly string[];
    }
  /** CNI ADD of the whole list (after loopback, as a runtime does), plugins run in namespace `node`. */
  | {
      readonly op: 'cni';
      readonly node: string;
      readonly ns: string;
      readonly containerId: string;
      readonly ifname: string;
      /** true: as a runtime does, the list is the first one in the node's folder, and plugins are those of the node (`cni-setup`). false: `list` itself. */
      readonly configured: boolean;
      /** The network configuration list as planned. */
      readonly list: Readonly<Record<string, unknown>>;
      /** The planned addresses without prefix length, handed over as CNI_ARGS IP= and args.cni.ips. */
      readonly ips: readonly string[];
      readonly mac: string;
      /** For runtimeConfig.portMappings, where the list has that capability. */
      readonly portMappings: readonly { readonly hostPort: number; readonly containerPort: number; readonly protocol: 'tcp' | 'udp' | 'sctp' }[];
      /** K8S_POD_NAMESPACE and K8S_POD_NAME, as a kubelet's runtime passes them. */
      readonly pod: { readonly namespace: string; readonly name: string };
      /** Same lane: one at a time (portmap and ipMasq race in iptables). null: free. */
      readonly lane: string | null;
    }
  /** BIRD 2 in `ns` with the configuration file at `config`; survives the agent, ends with the holder. An applied change reconfigures it. */
  | { readonly op: 'bird'; readonly ns: string; readonly config: string; readonly text: string }
  /**
   * A DNS server in `ns`, started with `argv` from the `files` (by name, in `folder`); survives the agent, ends with the holder. CoreDNS takes new files while
   * it answers; dnsmasq is started again, and for about 20 ms nobody answers.
   */
  | {
      readonly op: 'dns';
      readonly ns: string;
      readonly kind: 'coredns' | 'dnsmasq';
      readonly folder: string;
      readonly files: Readonly<Record<string, string>>;
      readonly argv: readonly string[];
    }
  /** nginx as the Ingress controller in `ns`, with its configuration in `folder`; survives the agent, ends with the holder. A new configuration is reloaded. */
  | { readonly op: 'ingress'; readonly ns: string; readonly folder: string; readonly program: string; readonly config: string }
  /** The process of kube-proxy's mode userspace in `ns`, a node, or docker-proxy on a host with Docker; survives the agent, ends with the holder. Replaced as a whole. */
  | { readonly op: 'proxy'; readonly ns: string; readonly portals: readonly Portal[] }
  /** The process behind a TUN device of `ns`, a node, that carries its packets to the others; survives the agent, ends with the holder. Replaced as a whole. */
  | {
      readonly op: 'tunnel';
      readonly ns: string;
      readonly device: string;
      readonly mtu: number;
      readonly port: number;
      readonly local: string;
      readonly peers: readonly { readonly to: string; readonly underlay: string }[];
    }
  /**
   * Deletes the UDP flows that connection tracking remembers as sent to one of the `destinations` of a Service's port and answered by none of its `endpoints`
   * (both as `10.96.0.10:53`, `[fd00::5]:53`). TCP is left alone.
   */
  | {
      readonly op: 'forget-flows';
      readonly ns: string;
      readonly family: 'ipv4' | 'ipv6';
      readonly services: readonly { readonly destinations: readonly string[]; readonly endpoints: readonly string[] }[];
    }
  /** Waits until every destination is in the main table of `ns`. */
  | { readonly op: 'await-routes'; readonly ns: string; readonly to: readonly string[]; readonly timeoutMs: number };

export interface Stage {
  /** kebab-case: nodes, data-path, pods, bgp. */
  readonly name: string;
  /** Shown to people: `connecting 30 pods`. */
  readonly title: string;
  readonly ops: readonly Op[];
}

/** What turns a running lab into another: undone in this order, then applied. */
export interface OpsDelta {
  readonly undo: readonly Op[];
  readonly stages: readonly Stage[];
}
