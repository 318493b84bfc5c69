import { getSystemErrorMap } from 'node:util';
import { EngineError } from '../../../topology/errors.ts';

/** The kernel refused a request: carries the positive Linux errno. */
export class KernelError extends EngineError {
  readonly errno: number;

  /**
   * @param what what was tried, lower case, without a full stop
   * @param extended text of the kernel's extended acknowledgement, '' when it gave none
   */
  constructor(what: string, errno: number, extended = '') {
    const reason = extended === '' ? errnoText(errno) : `${errnoText(errno)}: ${extended}`;
    super({
      code: 'ENGINE_STEP_FAILED',
      message: `${what}: ${reason}`,
      hint: HINTS[errno] ?? 'run `cnilab doctor`; if it finds nothing, `cnilab down` and `cnilab up --verbose` show the step',
      details: { errno, ...(extended === '' ? {} : { extended }) },
    });
    this.errno = errno;
  }
}

/** `ENODEV (no such device)`. */
export function errnoText(errno: number): string {
  const known = getSystemErrorMap().get(-errno);
  return known === undefined ? `errno ${errno}` : `${known[0]} (${known[1]})`;
}

/** What an errno means for a lab, where that is not obvious from its name. */
const HINTS: Readonly<Record<number, string>> = {
  1: 'the lab must be started by root or in a user namespace of its own: run `cnilab doctor`',
  13: 'IPv6 may be switched off there (disable_ipv6 = 1), or the lab lacks the privilege: run `cnilab doctor`',
  17: 'something of that name or address is there already: `cnilab down` removes what an interrupted run left',
  19: 'the device does not exist: it may have been removed by hand; `cnilab down` and `cnilab up` rebuild the lab',
  22: 'the kernel rejects a value of this request; the message names the object',
  24: 'raise the limit of open files: `ulimit -n 65536`',
  28: 'a kernel limit is reached: raise user.max_net_namespaces or fs.mount-max (sysctl)',
  54: 'a Linux bridge has at most 1023 ports: use more nodes or fewer pods per node',
  95: 'this kernel lacks that kind of device or feature: `cnilab doctor` names what is missing and what works instead',
  101: 'the next hop is not on a connected network of this machine: check the addresses of its interfaces',
  105: 'the kernel is out of buffers: fewer pods, or more memory',
  113: 'the next hop is not on a connected network of this machine: check the addresses of its interfaces',
};
