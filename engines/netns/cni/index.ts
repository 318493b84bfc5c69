/** Every CNI's data path. A new one is a file and a line here. */
import type { CniName } from '../../../topology/plan.ts';
import type { DataPath } from '../compile-data-path.ts';
import { bridge } from './bridge.ts';
import { calico } from './calico.ts';
import { flannel } from './flannel.ts';
import { raw } from './raw.ts';
import { weave } from './weave.ts';

export const dataPaths: Readonly<Record<CniName, DataPath>> = { bridge, flannel, calico, weave, raw };
