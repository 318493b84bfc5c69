import { bridge } from './bridge.ts';
import { calico } from './calico.ts';
import type { CniTraits } from './cni.ts';
import { flannel } from './flannel.ts';
import { kindnet } from './kindnet.ts';
import { raw } from './raw.ts';
import { weave } from './weave.ts';

/** The CNIs that labs may name. A new one is a file here, one line, a construct and a data path. */
export const cnis: {
  readonly bridge: typeof bridge;
  readonly flannel: typeof flannel;
  readonly calico: typeof calico;
  readonly weave: typeof weave;
  readonly kindnet: typeof kindnet;
  readonly raw: typeof raw;
} = {
  bridge,
  flannel,
  calico,
  weave,
  kindnet,
  raw,
};

export type CniName = keyof typeof cnis;
export const cniNames = Object.keys(cnis) as readonly CniName[];

/** Traits of a CNI by name. */
export const traitsOf = (name: CniName): CniTraits => cnis[name].traits;
