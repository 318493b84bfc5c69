import type { DockerSpec } from '../../topology/docker/docker-spec.ts';
import type { LabSpec } from '../../topology/spec.ts';

/** A host `box` with Docker and a `client` beside it. */
export function dockerLab(docker: DockerSpec, more: Partial<LabSpec> = {}): LabSpec {
  return { name: 'docker', underlay: { cidr: '192.168.50.0/24' }, hosts: [{ name: 'box', docker }, { name: 'client' }], ...more };
}
