import { endpointText } from '../../topology/services/proxy/hashes.ts';
import type { ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';
import type { Fault } from './fault.ts';
import { freePodAddress } from './free-address.ts';
import { fitsService, pickPort } from './service-target.ts';
import { podAddress } from './target.ts';

/** As a resolver or an exporter does that never closes its socket. */
const SOURCE_PORT = 40_053;
/** Seconds; every datagram of the client renews it to nf_conntrack_udp_timeout. */
const TIMEOUT = 600;

const isUdp = ({ protocol }: ProxiedPort): boolean => protocol === 'udp';

/** The endpoint went away while the client kept asking, and nobody deleted the flow: the proxy's new rules are not asked for an old flow. */
export const staleUdpConntrack: Fault = {
  id: 'stale-udp-conntrack',
  layer: 'service',
  title: 'connection tracking sends one source port of a pod to an endpoint that is gone',
  diagnosis: 'stale-conntrack-entry',
  check: 'service-udp-reuse',
  fits: (target) => fitsService(target, isUdp, 'no Service of the lab has a UDP port'),
  script: (target, snapshot) => {
    const { node, pod } = target;
    const { port } = pickPort(target, snapshot, isUdp);
    const client = podAddress(target, pod);
    const gone = freePodAddress({ ...target, node: target.peer, pod: target.peerPod });
    const flow = ['-p', 'udp', '-s', client, '-d', port.clusterIP, '--sport', String(SOURCE_PORT), '--dport', String(port.port.port)];
    const served = port.usable[0]?.port ?? 0;
    return {
      inject: [
        {
          netns: node.netns,
          argv: ['conntrack', '-I', ...flow, '--dst-nat', endpointText(gone, served), '-t', String(TIMEOUT)],
        },
      ],
      // It may have ended by itself.
      undo: [{ netns: node.netns, argv: ['conntrack', '-D', ...flow], tolerant: true }],
    };
  },
};
