import { judgeUdpReuse } from '../services/udp-reuse.ts';
import type { Check } from './check.ts';

/**
 * A UDP flow has no end: as long as a client asks from one port, connection tracking sends it where the first packet went. Whoever has asked a Service
 * lately asks again from the same port, and must still be answered by an endpoint.
 */
export const serviceUdpReuse: Check = {
  id: 'service-udp-reuse',
  title: 'a client that keeps its source port keeps being answered over UDP',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: async (run) => await judgeUdpReuse(run, serviceUdpReuse),
};
