/** The shape of {@link DockerSpec}. */
import { z } from 'zod';
import { optional, port, strict } from '../schema-fields.ts';
import type { ContainerSpec, DockerNetworkSpec, DockerSpec, PublishedPortSpec } from './docker-spec.ts';

const network: z.ZodType<DockerNetworkSpec> = strict({
  name: z.string().meta({ description: 'Name of the network: an RFC 1123 label; not bridge, host or none.' }),
  subnet: optional(z.string(), 'IPv4 CIDR. Default: the first /16 of 172.18.0.0 to 172.31.0.0 that meets no other range of the lab.'),
  gateway: optional(z.string(), 'Address of the bridge. Default: the first usable one of the subnet.'),
  bridge: optional(z.string(), "Name of the Linux bridge. Default: br- and the first 12 hex digits of the network's id."),
}).meta({ id: 'DockerNetwork', description: 'A user-defined bridge network, as docker network create makes it.' });

const published: z.ZodType<PublishedPortSpec> = strict({
  hostPort: port,
  containerPort: port,
  protocol: optional(z.enum(['tcp', 'udp']), 'Transport.', { default: 'tcp' }),
  listenAddress: optional(z.string(), 'Address of the host on which it is published.', { default: '0.0.0.0' }),
});

const container: z.ZodType<ContainerSpec> = strict({
  name: z.string().meta({ description: 'Name of the container: an RFC 1123 label, unique on its host.' }),
  network: optional(z.string(), 'bridge, none, host, container:NAME, or one of the networks.', {
    default: 'bridge',
    examples: ['none', 'host', 'container:web'],
  }),
  address: optional(z.string(), 'Address in its network. Default: the lowest free one.'),
  ports: optional(z.array(published), 'Published ports (docker run -p).'),
  aliases: optional(z.array(z.string()), 'More names by which containers of the same user-defined network find it.'),
}).meta({ id: 'Container' });

export const dockerSchema: z.ZodType<DockerSpec> = strict({
  defaultPool: optional(z.string(), 'Network of docker0, the bridge of the default network.', { default: '172.17.0.0/16' }),
  networks: optional(z.array(network), 'User-defined bridge networks.'),
  containers: z.array(container).max(1000).meta({ description: 'The containers.' }),
}).meta({ id: 'Docker', description: 'Docker on a host: networks and containers.' });
