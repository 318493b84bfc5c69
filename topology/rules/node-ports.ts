import type { Diagnostic } from '../diagnostic.ts';
import { NODE_PORTS } from '../services/plan-services.ts';
import type { LabSpec } from '../spec.ts';
import type { Path } from './findings.ts';
import { clustersOf } from './lab-view.ts';
import { invalid, servicesOf, type ServiceView } from './services-view.ts';

interface Asked {
  readonly service: ServiceView;
  readonly at: Path;
  readonly nodePort: number;
  /** Port number of the Service: TCP and UDP of one may share a node port. null for a health check. */
  readonly port: number | null;
  readonly protocol: string;
}

function asked(service: ServiceView): readonly Asked[] {
  const { type, ports, healthCheckNodePort } = service.source;
  if (type !== 'NodePort' && type !== 'LoadBalancer') return [];
  return [
    ...ports.flatMap(({ nodePort, port, protocol }, i) => (nodePort === null ? [] : [{ service, at: ['ports', i, 'nodePort'], nodePort, port, protocol }])),
    ...(healthCheckNodePort === null ? [] : [{ service, at: ['healthCheckNodePort'], nodePort: healthCheckNodePort, port: null, protocol: 'TCP' }]),
  ];
}

/**
 * Node ports that are written lie in the range, and no two are the same, whatever their protocols: the API server keeps one list. Only TCP and UDP of
 * one port number of one Service may share theirs.
 */
export function nodePorts(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const seen: Asked[] = [];
    return servicesOf(cluster)
      .flatMap(asked)
      .flatMap((one): readonly Diagnostic[] => {
        const { service, at, nodePort } = one;
        if (nodePort < NODE_PORTS.from || nodePort > NODE_PORTS.to) {
          return [
            invalid(
              'NODE_PORT_OUT_OF_RANGE',
              service,
              at,
              nodePort,
              `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.from}-${NODE_PORTS.to}`,
              `choose one of ${NODE_PORTS.from}-${NODE_PORTS.to}, or leave it out`,
            ),
          ];
        }
        const first = seen.find(
          (other) => other.nodePort === nodePort && !(other.service === service && other.port === one.port && other.protocol !== one.protocol),
        );
        seen.push(one);
        if (first === undefined) return [];
        return [
          invalid(
            'NODE_PORT_TAKEN',
            service,
            at,
            nodePort,
            `provided port is already allocated, to ${first.service.what}`,
            'choose another one, or leave it out',
          ),
        ];
      });
  });
}
