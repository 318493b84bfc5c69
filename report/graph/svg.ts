/** A scene as an SVG document: without script, style sheet or anything from elsewhere. */
import type { LabGraph } from '../../topology/graph/graph.ts';
import { printable } from '../layout.ts';
import { layoutGraph } from './layout.ts';
import { LOOKS } from './looks.ts';
import type { Scene, Shape } from './scene.ts';

const FONT = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace";
/** Where the letters of a line stand, over their size, from its upper edge. */
const BASELINE = 1.0;

function escaped(text: string): string {
  return printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function element(shape: Shape): string {
  const { fill, stroke, text, dash } = LOOKS[shape.look];
  const dashed = (value: string): string => (value === '' ? '' : ` stroke-dasharray="${value}"`);
  switch (shape.shape) {
    case 'box': {
      const { x, y, width, height, round, tip } = shape;
      const attributes = `x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="${n(round)}" fill="${fill}" stroke="${stroke}" stroke-width="1.5"${dashed(dash)}`;
      return tip === '' ? `<rect ${attributes}/>` : `<rect ${attributes}><title>${escaped(tip)}</title></rect>`;
    }
    case 'line':
      return `<polyline points="${shape.points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ')}" fill="none" stroke="${stroke}" stroke-width="2"${dashed(shape.dash)}/>`;
    case 'text': {
      const weight = shape.bold ? ' font-weight="bold"' : '';
      // Spaces side by side are meant.
      return `<text x="${n(shape.x)}" y="${n(shape.y + shape.size * BASELINE)}" font-size="${n(shape.size)}"${weight} fill="${text}" xml:space="preserve">${escaped(shape.text)}</text>`;
    }
  }
}

const n = (value: number): string => String(Math.round(value * 10) / 10);

function svgOf({ title, width, height, shapes }: Scene): string {
  const size = `width="${n(width)}" height="${n(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${n(width)} ${n(height)}" font-family="${FONT}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect ${size} fill="${LOOKS.page.fill}"/>`,
    ...shapes.map(element),
    '</svg>',
    '',
  ].join('\n');
}

/** Renders a graph as SVG, ending with a newline: the same bytes for the same graph. */
export function renderSvg(graph: LabGraph): string {
  return svgOf(layoutGraph(graph));
}
