/** Docker on a host, as its author writes it. */

export interface DockerSpec {
  /** Network of docker0, the bridge of the default network (what dockerd calls `bip`). IPv4. @default 172.17.0.0/16 */
  readonly defaultPool?: string;
  /** User-defined bridge networks, as `docker network create` makes them. */
  readonly networks?: readonly DockerNetworkSpec[];
  readonly containers: readonly ContainerSpec[];
}

export interface DockerNetworkSpec {
  /** RFC 1123 label; not `bridge`, `host` or `none`. */
  readonly name: string;
  /** IPv4 CIDR. @default the first /16 of 172.18.0.0 to 172.31.0.0 that meets no other range of the lab */
  readonly subnet?: string;
  /** @default the first usable address of the subnet */
  readonly gateway?: string;
  /** Name of the Linux bridge. @default `br-` and the first 12 hex digits of the network's id */
  readonly bridge?: string;
}

export interface ContainerSpec {
  /** RFC 1123 label, unique on its host. */
  readonly name: string;
  /** `bridge`, `none`, `host`, `container:NAME`, or a network of `networks`. @default bridge */
  readonly network?: string;
  /**
   * Fixed address in the network. Docker takes one (`--ip`) on user-defined networks only; on `bridge` it says what the daemon happened to give.
   * @default the lowest free one
   */
  readonly address?: string;
  /** Published ports (`docker run -p`). */
  readonly ports?: readonly PublishedPortSpec[];
  /** More names by which containers of the same user-defined network find it (`--network-alias`). */
  readonly aliases?: readonly string[];
}

export interface PublishedPortSpec {
  readonly hostPort: number;
  readonly containerPort: number;
  /** @default tcp */
  readonly protocol?: 'tcp' | 'udp';
  /** Address of the host on which it is published. @default 0.0.0.0: all */
  readonly listenAddress?: string;
}
