/** Every CNI's data path. A new one is a file and a line here. */
import { InternalError } from '../../../topology/errors.ts';
import type { CniName, CniPlan } from '../../../topology/plan.ts';
import type { DataPath } from '../compile-data-path.ts';
import { bridge } from './bridge.ts';
import { calico } from './calico.ts';
import { flannel } from './flannel.ts';
import { kindnet } from './kindnet.ts';
import { raw } from './raw.ts';
import { weave } from './weave.ts';

const dataPaths: Readonly<Record<CniName, DataPath>> = { bridge, flannel, calico, weave, kindnet, raw };

/** The data path of a planned CNI. */
export function dataPathOf(cni: CniPlan): DataPath {
  if (cni.type === 'observed') throw new InternalError('a cluster that was found, not planned, cannot be compiled');
  return dataPaths[cni.type];
}
