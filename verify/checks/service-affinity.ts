import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-affinity';

/**
 * sessionAffinity ClientIP: all connections of one client through one proxy end at one endpoint.
 */
export const serviceAffinity: Check = {
  id: ID,
  title: 'a client keeps its endpoint where sessionAffinity says so',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceAffinity, id: ID }, 'no Service of the lab has sessionAffinity ClientIP and two endpoints'),
};
