import type { CniSynth } from './context.ts';

/** Nothing is applied: kind brings kindnet itself. */
export const kindnet: CniSynth<'kindnet'> = () => ({ charts: [], rollouts: [{ kind: 'DaemonSet', namespace: 'kube-system', name: 'kindnet' }] });
