import { fileURLToPath } from 'node:url';
import { isPackageFile } from './installation.ts';

/** Where something went wrong in a lab's files, and what. '' and 0 where it is not known. */
export interface Place {
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const pathOf = (text: string): string => (text.startsWith('file:') ? fileURLToPath(text) : text);

/** esbuild, which reads TypeScript for tsx: `/path/lab.ts:2:10: ERROR: Unexpected "="`, columns from 0. */
const TRANSFORM = /^(?<file>\S.*?):(?<line>\d+):(?<column>\d+): ERROR: (?<message>.*)$/m;
/** Node, when a module cannot be linked: the stack begins with `/path/lab.ts:1`. */
const LINK = /^(?<file>(?:file:\/\/)?\/\S.*?):(?<line>\d+)\n/;
/** A frame: `at name (file:line:column)` or `at file:line:column`. */
const FRAME = /^\s+at (?:.* \(|async )?(?<file>(?:file:\/\/)?\/[^()]*?):(?<line>\d+):(?<column>\d+)\)?$/gm;

function place(message: string, groups: Readonly<Record<string, string | undefined>>, columnFrom: number): Place {
  return {
    message,
    file: pathOf(groups['file'] ?? ''),
    line: Number(groups['line']),
    column: groups['column'] === undefined ? 0 : Number(groups['column']) + columnFrom,
  };
}

/**
 * Where in the author's own files an error came from: the nearest frame in the lab file, else in a file of no package.
 *
 * @param labFile absolute path of the lab file
 */
export function placeOf(error: Error, labFile: string): Place {
  const { message } = error;
  const stack = error.stack ?? '';
  const transform = TRANSFORM.exec(message)?.groups;
  if (transform !== undefined) return place(transform['message'] ?? message, transform, 1);
  const link = error.name === 'SyntaxError' ? LINK.exec(stack)?.groups : undefined;
  if (link !== undefined) return place(message, link, 0);
  const frames = [...stack.matchAll(FRAME)].map((match) => place(message, match.groups ?? {}, 0));
  const own = frames.filter((frame) => frame.file === labFile);
  const chosen = own[0] ?? frames.find((frame) => !isPackageFile(frame.file));
  return chosen ?? { message, file: '', line: 0, column: 0 };
}
