/** A running lab on kind, opened: programs run in its nodes and pods. Probes come from inside the clusters and are no matter of a session. */
import { LabError } from '../../topology/errors.ts';
import type { EngineSession } from '../port.ts';
import type { KindHandle } from './handle.ts';
import type { KindDeps } from './kind-deps.ts';
import { placeArgv } from './place.ts';

export function kindSession(deps: Pick<KindDeps, 'run'>, handle: KindHandle): EngineSession {
  return {
    sight: { icmp: false, df: false, kernel: false, clock: false, destination: false },
    probe: () => Promise.reject(fromInside('probes')),
    snapshot: () => Promise.reject(fromInside('views of the kernel')),
    run: async (place, argv, options = {}) => await deps.run(placeArgv(handle, place, argv, { input: options.input !== undefined, terminal: false }), options),
    checkAttachments: () =>
      Promise.reject(
        new LabError({
          code: 'ENGINE_UNSUPPORTED',
          message: 'on kind the container runtime attaches pods: CNI CHECK cannot be asked for from outside',
          hint: '`cnilab verify LAB` looks at every pod from inside of the cluster',
        }),
      ),
    close: () => Promise.resolve(),
  };
}

function fromInside(what: string): LabError {
  return new LabError({
    code: 'ENGINE_UNSUPPORTED',
    message: `on kind ${what} are taken by Jobs inside of the cluster, not through a session`,
    hint: '`cnilab verify LAB` runs them; `cnilab exec LAB NODE -- COMMAND` runs a program on a node',
  });
}
