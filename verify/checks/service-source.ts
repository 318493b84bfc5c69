import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * The source as the endpoint's own socket saw it: unchanged from pod to pod, an address of the node where the proxy must masquerade (node
 * ports, what comes from beyond the pod network, hairpin), and the client's own under externalTrafficPolicy Local.
 */
export const serviceSource: Check = serviceCheck(
  'service-source',
  'endpoints see the client, or the node where masquerade is due',
  'no Service of the lab has an endpoint',
);
