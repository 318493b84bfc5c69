import { isPort, portNameProblem } from '../names.ts';
import { problem, type Path } from '../rules/findings.ts';
import type { PolicyPort, PolicyProtocol } from './model.ts';
import { readObject, type Found } from './read-fields.ts';

const PROTOCOLS: readonly PolicyProtocol[] = ['TCP', 'UDP', 'SCTP'];

function readRange(port: unknown, endPort: unknown, path: Path, found: Found): PolicyPort['port'] | undefined {
  const atEnd = [...path, 'endPort'];
  const hasEnd = endPort !== undefined && endPort !== null;
  if (port === undefined || port === null) {
    if (hasEnd) found.push(problem('POLICY_PORT_RANGE', atEnd, 'endPort may not be given without port', 'name the first port of the range: port'));
    return null;
  }
  if (typeof port === 'string') {
    const bad = portNameProblem(port);
    if (bad !== null) {
      const hint = /^\d+$/.test(port) ? `without quotation marks it is a number: ${port}` : 'use a name like http, or a number';
      found.push(problem('POLICY_PORT', [...path, 'port'], `${JSON.stringify(port)} is not the name of a port: ${bad}`, hint));
    }
    if (hasEnd)
      found.push(
        problem('POLICY_PORT_RANGE', atEnd, `endPort may not be given with a port's name (${port})`, 'name the first port of the range by its number'),
      );
    return port;
  }
  if (!isPort(port)) {
    found.push(
      problem('POLICY_PORT', [...path, 'port'], `${JSON.stringify(port)} is not a port`, 'use a number from 1 to 65535, or the name of a container port'),
    );
    return undefined;
  }
  if (!hasEnd) return { first: port, last: port };
  if (!isPort(endPort)) {
    found.push(problem('POLICY_PORT_RANGE', atEnd, `endPort ${JSON.stringify(endPort)} is not a port`, 'use a number from 1 to 65535'));
    return undefined;
  }
  if (endPort < port) {
    found.push(problem('POLICY_PORT_RANGE', atEnd, `endPort ${endPort} is smaller than port ${port}`, `turn them around: port ${endPort}, endPort ${port}`));
    return undefined;
  }
  return { first: port, last: endPort };
}

/** An item of `ports`. None, and an error, for one that the API server refuses. */
export function readPort(value: unknown, path: Path, found: Found): readonly PolicyPort[] {
  const item = readObject(value, ['protocol', 'port', 'endPort'], path, found);
  const protocol = PROTOCOLS.find((known) => known === (item['protocol'] ?? 'TCP'));
  if (protocol === undefined)
    found.push(
      problem('POLICY_PORT', [...path, 'protocol'], `${JSON.stringify(item['protocol'])} is not a protocol of NetworkPolicies`, `use ${PROTOCOLS.join(', ')}`),
    );
  const port = readRange(item['port'], item['endPort'], path, found);
  return protocol === undefined || port === undefined ? [] : [{ protocol, port }];
}
