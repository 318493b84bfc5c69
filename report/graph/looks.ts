/** Colours of a picture. Text on its fill has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), borders on white at least 3 to 1 (1.4.11). */
import type { GraphDevice, GraphMark } from '../../topology/graph/graph.ts';

export interface Look {
  readonly fill: string;
  readonly stroke: string;
  readonly text: string;
  /** stroke-dasharray; '' is solid. */
  readonly dash: string;
}

const INK = '#1b1f24';

export type LookName = 'page' | 'machine' | 'pod' | 'bridge' | 'routing' | 'tunnel' | 'session' | 'cable' | 'segment' | 'more' | GraphMark['what'];

export const LOOKS: Readonly<Record<LookName, Look>> = {
  page: { fill: '#ffffff', stroke: '#ffffff', text: INK, dash: '' },
  machine: { fill: '#f6f7f9', stroke: '#57606a', text: INK, dash: '' },
  pod: { fill: '#dcebfd', stroke: '#1f5fa8', text: INK, dash: '' },
  bridge: { fill: '#ffeccc', stroke: '#9a5b00', text: INK, dash: '' },
  routing: { fill: '#fff8ea', stroke: '#9a5b00', text: INK, dash: '4 3' },
  tunnel: { fill: '#efe3fb', stroke: '#6b34a8', text: INK, dash: '' },
  session: { fill: '#dff4f3', stroke: '#0b6e6a', text: INK, dash: '' },
  cable: { fill: '#e2f3e2', stroke: '#2b6e2f', text: INK, dash: '' },
  segment: { fill: '#c9e6c9', stroke: '#2b6e2f', text: INK, dash: '' },
  more: { fill: '#ffffff', stroke: '#57606a', text: INK, dash: '2 3' },
  differs: { fill: '#fde7e4', stroke: '#b3261e', text: '#8c1d18', dash: '' },
  missing: { fill: '#ffffff', stroke: '#b3261e', text: '#8c1d18', dash: '6 4' },
  unplanned: { fill: '#fff3c4', stroke: '#b3261e', text: '#8c1d18', dash: '' },
};

export const DEVICE_LOOKS: Readonly<Record<GraphDevice['kind'], LookName>> = {
  cable: 'cable',
  bridge: 'bridge',
  network: 'bridge',
  vxlan: 'tunnel',
  ipip: 'tunnel',
  tun: 'tunnel',
  other: 'unplanned',
};
