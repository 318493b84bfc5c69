import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-hairpin';

/**
 * A pod that is an endpoint must get itself as often as any other one: that needs masquerade by the proxy, and a bridge port that sends frames
 * back.
 */
export const serviceHairpin: Check = {
  id: ID,
  title: 'a pod reaches itself through its own Service',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceHairpin, id: ID }, 'no pod with an interface of its own is an endpoint of a Service'),
};
