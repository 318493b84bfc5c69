import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-traffic-policy';

/**
 * internalTrafficPolicy and externalTrafficPolicy Local: endpoints of other nodes never answer, and a node without any is silent.
 */
export const serviceTrafficPolicy: Check = {
  id: ID,
  title: 'traffic policy Local uses the endpoints of that node alone',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceTrafficPolicy, id: ID }, 'no Service of the lab has a traffic policy Local'),
};
