/** A resolv.conf in one line of a report. */
import type { ResolvConf } from '../../topology/services/resolv-conf.ts';

export function resolvLine({ nameservers, search, options }: ResolvConf): string {
  return `nameserver ${nameservers.join(' ') || NONE}; search ${search.join(' ') || NONE}; options ${options.join(' ') || NONE}`;
}

const NONE = '(none)';

/** The search list of such a line; '' in any other text. */
export function searchOf(line: string): string {
  return /^nameserver [^;]*; search ([^;]*);/.exec(line)?.[1] ?? '';
}
