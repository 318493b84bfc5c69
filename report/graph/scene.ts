/** A picture as shapes with places: what is laid out, and checked for overlaps, before it is written as SVG. Pixels, y grows downwards. */
import type { LookName } from './looks.ts';

export interface BoxShape {
  readonly shape: 'box';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly look: LookName;
  /** Radius of the corners. */
  readonly round: number;
  /** Shown when pointed at; ''. */
  readonly tip: string;
}

export interface TextShape {
  readonly shape: 'text';
  readonly x: number;
  /** Upper edge of the line. */
  readonly y: number;
  readonly text: string;
  readonly size: number;
  readonly bold: boolean;
  readonly look: LookName;
}

export interface LineShape {
  readonly shape: 'line';
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly look: LookName;
  readonly dash: string;
}

export type Shape = BoxShape | TextShape | LineShape;

export interface Scene {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** In the order of drawing. */
  readonly shapes: readonly Shape[];
}

/** Advance of a character over its size: DejaVu Sans Mono has 0.602, other monospaced fonts no more. */
const ADVANCE = 0.605;
/** Height of a line over its size. */
const LINE = 1.3;

/** Characters that East Asian fonts draw twice as wide, roughly: CJK, kana, hangul, full-width forms and emoji. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u;

/** Width of a line of text, at most. */
export function textWidth(text: string, size: number): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : 1;
  return Math.ceil(columns * size * ADVANCE);
}

export function lineHeight(size: number): number {
  return Math.ceil(size * LINE);
}

export function moved(shapes: readonly Shape[], dx: number, dy: number): readonly Shape[] {
  return shapes.map((one) =>
    one.shape === 'line' ? { ...one, points: one.points.map(([x, y]) => [x + dx, y + dy] as const) } : { ...one, x: one.x + dx, y: one.y + dy },
  );
}

/** The right and lower edges of what is drawn. */
export function extentOf(shapes: readonly Shape[]): { readonly width: number; readonly height: number } {
  const rights = shapes.flatMap((one) =>
    one.shape === 'line' ? one.points.map(([x]) => x) : [one.x + (one.shape === 'box' ? one.width : textWidth(one.text, one.size))],
  );
  const lows = shapes.flatMap((one) =>
    one.shape === 'line' ? one.points.map(([, y]) => y) : [one.y + (one.shape === 'box' ? one.height : lineHeight(one.size))],
  );
  return { width: Math.max(0, ...rights), height: Math.max(0, ...lows) };
}
