import type { AddressPlan, MachineNamesPlan, MachineResolverPlan } from '../plan.ts';
import { asList } from '../draft.ts';
import type { HostSpec } from '../spec.ts';
import { zoneName, zoneRecords } from './zone-records.ts';

/** What names mean to a host, and what it tells others of them; a part that the lab file says nothing of is left out. */
export function planNames(
  host: HostSpec,
  own: readonly AddressPlan[],
  resolvers: readonly string[],
): { readonly resolver?: MachineResolverPlan; readonly served?: MachineNamesPlan } {
  const { resolver, zones = [], forwarders = [] } = host;
  return {
    ...(resolver === undefined
      ? {}
      : {
          resolver: {
            conf: {
              nameservers: resolver.nameservers ?? resolvers,
              search: resolver.search ?? [],
              options: resolver.ndots === undefined ? [] : [`ndots:${resolver.ndots}`],
            },
            // As installers write it; localhost first, or programs that only speak IPv4 find ::1.
            hosts: [
              { address: '127.0.0.1', name: 'localhost' },
              { address: '::1', name: 'localhost' },
              ...own.map(({ address }) => ({ address, name: host.name })),
              ...Object.entries(resolver.hosts ?? {}).flatMap(([name, addresses]) => asList<string>(addresses).map((address) => ({ address, name }))),
            ],
            order: resolver.order ?? ['files', 'dns'],
          },
        }),
    ...(zones.length + forwarders.length === 0 ? {} : { served: { zones: zones.map(zoneName), records: zoneRecords(zones), forwarders } }),
  };
}
