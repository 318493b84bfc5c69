/** Containers as dockerd attaches them: bridges, veth pairs, packet filter, published ports, names. */
import type { ContainerPlan, DockerPlan } from '../../../topology/docker/docker-plan.ts';
import { namedContainers, ownsNetns } from '../../../topology/docker/places.ts';
import type { LabPlan, MachinePlan } from '../../../topology/plan.ts';
import { formatResolvConf, nodeResolvConf } from '../../../topology/services/resolv-conf.ts';
import { addressOps, bridgeOps } from '../compile-data-path.ts';
import { kernelTraits, type CompileOptions } from '../compile-options.ts';
import { rulesOp } from '../compile-rules.ts';
import { namespaceSysctls } from '../compile-sysctls.ts';
import { RESOLV_FOLDER } from '../dns/resolv-files.ts';
import type { Op } from '../ops.ts';
import { ETC_FOLDER } from '../own-etc.ts';
import { dockerRules } from './rules.ts';
import { containerDnsOps, SHORT_ID } from './resolver.ts';

/** What turns the hosts with Docker, which exist as machines, into ones with containers. */
export function dockerOps(plan: LabPlan, options: CompileOptions): Op[] {
  return plan.machines.flatMap((host): Op[] =>
    host.docker === undefined
      ? []
      : [
          ...host.docker.networks.flatMap(({ bridge }) => bridgeOps(host.netns, bridge)),
          ...rulesOp(host.netns, 'ipv4', dockerRules(host.docker)),
          ...host.docker.containers.filter(ownsNetns).flatMap((container) => containerOps(host, container, options)),
          ...proxyOps(host, host.docker),
        ],
  );
}

/** The resolvers, which need nothing but their namespaces. */
export function dockerDnsOps(plan: LabPlan, options: CompileOptions): Op[] {
  return plan.machines.flatMap(({ docker, resolver }) => {
    const { nameservers } = resolver?.conf ?? nodeResolvConf(plan);
    return docker === undefined
      ? []
      : namedContainers(docker).flatMap(({ container, network }) => containerDnsOps(docker, network, container, nameservers, options));
  });
}

function containerOps(host: MachinePlan, { netns: ns, network, containerId, interface: face }: ContainerPlan, options: CompileOptions): Op[] {
  const home = host.docker?.networks.find(({ name }) => name === network);
  const names = (face?.addresses ?? []).map(({ address }) => `${address} ${containerId.slice(0, SHORT_ID)}\n`);
  return [
    { op: 'netns', ns },
    ...namespaceSysctls(ns, { forwarding: false, ipv6: false, bridgedFramesFiltered: true }, kernelTraits(options)),
    { op: 'file', path: `${ETC_FOLDER}/${ns}/hosts`, text: ['127.0.0.1 localhost\n', ...names].join('') },
    // The host's; in a network with names the one of its resolver.
    ...(host.resolver === undefined || home?.userDefined === true
      ? []
      : ([{ op: 'file', path: `${RESOLV_FOLDER}/${ns}.conf`, text: formatResolvConf(host.resolver.conf) }] satisfies Op[])),
    ...(face === null
      ? []
      : ([
          {
            op: 'veth',
            ns: host.netns,
            name: face.hostName,
            mac: null,
            mtu: face.mtuBytes,
            master: home?.bridge.name ?? null,
            hairpin: false,
            peer: { ns, name: face.name, mac: face.mac, mtu: face.mtuBytes },
          },
          ...addressOps(ns, face.name, face.addresses),
          ...face.gateways.map((via): Op => ({ op: 'route', ns, to: '0.0.0.0/0', via, dev: face.name, onlink: false, type: 'unicast' })),
        ] satisfies Op[])),
  ];
}

/** docker-proxy: a program that listens on each published port, for those whom the rules pass over: 127.0.0.1, and containers that ask for the host's address. */
function proxyOps({ netns: ns }: MachinePlan, { containers }: DockerPlan): Op[] {
  const portals = containers.flatMap((container) =>
    (container.interface?.addresses ?? []).flatMap(({ address, family }) =>
      container.ports.map(({ protocol, hostPort, containerPort, listenAddress }) => ({
        protocol,
        family,
        address: listenAddress,
        listen: hostPort,
        endpoints: [{ address, port: containerPort }],
        affinitySeconds: null,
      })),
    ),
  );
  return portals.length === 0 ? [] : [{ op: 'proxy', ns, portals }];
}
