import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-no-endpoints';

/**
 * No ready endpoint anywhere: the client is told (connection refused), and does not wait.
 */
export const serviceNoEndpoints: Check = {
  id: ID,
  title: 'a Service without endpoints refuses at once',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceNoEndpoints, id: ID }, 'every Service of the lab has endpoints'),
};
