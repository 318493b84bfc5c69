/** Commands as somebody types them. */
import type { CommandSpec } from '../../topology/lesson/lesson.ts';
import { shellLiteral } from '../../topology/shell-word.ts';

/** Words that need no quoting, none of them an assignment in front. */
const PLAIN = /^(?![^\s=]*=)[\w@%+=:,./-]+(?: [\w@%+=:,./-]+)*$/;
/** No programs: only a shell knows them. */
const BUILTIN = /^(?:cd|ulimit|umask|export|set|exec|eval|trap|wait|type|command|exit)\b/;

/** In the quotes that need no others escaped, where there are such. */
function quoted(text: string): string {
  return text.includes("'") && !/["$`\\!]/.test(text) ? `"${text}"` : shellLiteral(text);
}

/** `cnilab exec LAB PLACE -- …` for a line of shell: its words as they are, or the whole of it handed to a shell. */
export function execCommand(lab: string, { on, run }: CommandSpec): string {
  return `cnilab exec ${lab} ${on} -- ${PLAIN.test(run) && !BUILTIN.test(run) ? run : `sh -c ${quoted(run)}`}`;
}
