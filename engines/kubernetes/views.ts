/** Interfaces as Jobs saw them: pure. */
import type { ViewLine } from './evidence.ts';
import { linksOf, type IpLink } from './ip-json.ts';

/** The interfaces of a view; null where they could not be read. A responder is asked through its own `/shell`, which wraps what the program printed. */
export function viewLinks(view: ViewLine): readonly IpLink[] | null {
  return linksOf(view.interfaces) ?? shellLinks(view.shell);
}

function shellLinks(shell: unknown): readonly IpLink[] | null {
  const output = typeof shell === 'object' && shell !== null && 'output' in shell ? shell.output : null;
  if (typeof output !== 'string') return null;
  try {
    return linksOf(JSON.parse(output));
  } catch {
    return null;
  }
}
