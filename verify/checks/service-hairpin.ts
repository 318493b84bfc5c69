import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * A pod that is an endpoint must get itself as often as any other one: that needs masquerade by the proxy, and a bridge port that sends frames
 * back.
 */
export const serviceHairpin: Check = serviceCheck(
  'service-hairpin',
  'a pod reaches itself through its own Service',
  'no pod with an interface of its own is an endpoint of a Service',
);
