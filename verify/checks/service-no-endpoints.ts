import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * No ready endpoint anywhere: the client is told (connection refused), and does not wait.
 */
export const serviceNoEndpoints: Check = serviceCheck(
  'service-no-endpoints',
  'a Service without endpoints refuses at once',
  'every Service of the lab has endpoints',
);
