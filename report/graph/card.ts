/** A box with lines of text: what everything in a picture is made of. */
import type { LookName } from './looks.ts';
import { lineHeight, textWidth, type Shape } from './scene.ts';
import type { Words } from './words.ts';

const NAME_SIZE = 12;
const LINE_SIZE = 11;
const PAD_X = 8;
const PAD_Y = 5;

export interface Card {
  readonly words: Words;
  readonly look: LookName;
  /** Number of the note about it; null: nothing is to be said. */
  readonly note: number | null;
  readonly tip: string;
  readonly width: number;
  readonly height: number;
}

/** `[3]`, behind a name: the note of that number at the foot of the picture. */
const noteText = (note: number): string => `[${String(note)}]`;

/** The name, then the rest. */
function lines({ words: [name, ...rest] }: Pick<Card, 'words'>): readonly { readonly text: string; readonly size: number; readonly bold: boolean }[] {
  return [{ text: name, size: NAME_SIZE, bold: true }, ...rest.filter((text) => text !== '').map((text) => ({ text, size: LINE_SIZE, bold: false }))];
}

/** A card as small as its words allow. */
export function cardOf(words: Words, look: LookName, options: { readonly note?: number | null; readonly tip?: string } = {}): Card {
  const { note = null, tip = '' } = options;
  const all = lines({ words });
  const first = textWidth(words[0], NAME_SIZE) + (note === null ? 0 : textWidth(` ${noteText(note)}`, NAME_SIZE));
  return {
    words,
    look,
    note,
    tip,
    width: Math.max(first, ...all.map(({ text, size }) => textWidth(text, size))) + 2 * PAD_X,
    height: all.reduce((sum, { size }) => sum + lineHeight(size), 0) + 2 * PAD_Y,
  };
}

/** The lines of a card alone, from the left upper corner of its box. */
export function cardText(card: Card, x: number, y: number): readonly Shape[] {
  const shapes: Shape[] = [];
  let top = y + PAD_Y;
  for (const { text, size, bold } of lines(card)) {
    shapes.push({ shape: 'text', x: x + PAD_X, y: top, text, size, bold, look: card.look });
    top += lineHeight(size);
  }
  if (card.note !== null) {
    const after = x + PAD_X + textWidth(`${card.words[0]} `, NAME_SIZE);
    shapes.push({ shape: 'text', x: after, y: y + PAD_Y, text: noteText(card.note), size: NAME_SIZE, bold: true, look: 'differs' });
  }
  return shapes;
}

/** A card at a place, perhaps larger than it has to be. */
export function placeCard(card: Card, x: number, y: number, size: { readonly width?: number; readonly height?: number } = {}): readonly Shape[] {
  const { width = card.width, height = card.height } = size;
  return [{ shape: 'box', x, y, width, height, look: card.look, round: 4, tip: card.tip }, ...cardText(card, x, y)];
}
