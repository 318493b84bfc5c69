/** DNS servers on hosts: dnsmasq, with a log of what it is asked. */
import type { LabPlan, MachineNamesPlan, MachinePlan } from '../../../topology/plan.ts';
import type { CompileOptions } from '../compile-options.ts';
import type { Op } from '../ops.ts';
import { DNS_SERVERS, unprivilegedPorts } from './compile.ts';
import { recordLine, serverLines } from './dnsmasq-config.ts';

/** Hosts that answer for zones, or pass questions on. */
export function hostsWithDns(plan: Pick<LabPlan, 'machines'>): readonly (MachinePlan & { readonly served: MachineNamesPlan })[] {
  return plan.machines.flatMap((machine) => (machine.served === undefined ? [] : [{ ...machine, served: machine.served }]));
}

export function hostDnsOps(plan: LabPlan, options: CompileOptions): Op[] {
  const rootless = options.rootless ?? false;
  const program = options.dnsmasq ?? 'dnsmasq';
  return hostsWithDns(plan).flatMap(({ netns: ns, served }): Op[] => {
    const folder = `/run/cnilab/dns/${ns}`;
    return [
      ...(rootless ? unprivilegedPorts(ns) : []),
      {
        op: 'dns',
        ns,
        kind: 'dnsmasq',
        folder,
        files: { 'dnsmasq.conf': configOf(served, `${folder}/queries.log`) },
        argv: DNS_SERVERS.dnsmasq.argv(program, folder, rootless),
      },
    ];
  });
}

function configOf({ zones, records, forwarders }: MachineNamesPlan, log: string): string {
  return [
    ...serverLines(log),
    'log-queries',
    ...zones.map((name) => `local=/${name}/`),
    ...forwarders.map((address) => `server=${address}`),
    ...records.map(recordLine),
    '',
  ].join('\n');
}
