/** Colour and symbols of everything people read. Whether they are used is decided by whoever owns the stream. */
import { styleText } from 'node:util';

/** How a text is dressed. With colour off every function returns its argument. */
export interface Style {
  readonly unicode: boolean;
  readonly pass: (text: string) => string;
  readonly fail: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly command: (text: string) => string;
  readonly symbols: Symbols;
}

/** The few signs that are not ASCII, and what stands for them where the locale has no UTF-8. */
export interface Symbols {
  readonly pass: string;
  readonly fail: string;
  readonly inconclusive: string;
  readonly empty: string;
  readonly step: string;
  readonly arrow: string;
  readonly times: string;
  readonly ellipsis: string;
  readonly micro: string;
  readonly separator: string;
}

const UNICODE: Symbols = { pass: '✓', fail: '✗', inconclusive: '?', empty: '·', step: '•', arrow: '→', times: '×', ellipsis: '…', micro: 'µs', separator: '·' };
const ASCII: Symbols = {
  pass: '+',
  fail: 'x',
  inconclusive: '?',
  empty: '.',
  step: '*',
  arrow: '->',
  times: 'x',
  ellipsis: '...',
  micro: 'us',
  separator: '-',
};

type Format = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>;

/**
 * Builds a {@link Style}.
 * @example createStyle({ color: false, unicode: true }).fail('no') // 'no'
 */
export function createStyle(options: { readonly color: boolean; readonly unicode: boolean }): Style {
  // The stream was judged by colourWanted already: styleText must not judge process.stdout again.
  const paint =
    (...formats: Format[]) =>
    (text: string): string =>
      options.color && text !== '' ? styleText(formats, text, { validateStream: false }) : text;
  return {
    unicode: options.unicode,
    pass: paint('green'),
    fail: paint('bold', 'red'),
    warn: paint('yellow'),
    strong: paint('bold'),
    dim: paint('dim'),
    command: paint('cyan'),
    symbols: options.unicode ? UNICODE : ASCII,
  };
}

/** No colour, UTF-8: what a pipe or a file gets. */
export const plainStyle: Style = createStyle({ color: false, unicode: true });

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether a stream gets colour. FORCE_COLOR outranks NO_COLOR, as in Node itself; an empty NO_COLOR counts as unset (no-color.org).
 */
export function colorWanted(env: Environment, isTTY: boolean): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  return isTTY && env['TERM'] !== 'dumb';
}

/**
 * Whether UTF-8 may be written, by the POSIX order LC_ALL, LC_CTYPE, LANG. With none of them set (containers, CI) the reader is
 * nearly always a UTF-8 log, except on the Linux console, whose font lacks the signs.
 */
export function unicodeWanted(env: Environment): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '');
  if (env['TERM'] === 'linux') return false;
  return locale === undefined || /utf-?8/i.test(locale);
}
