import { renderLabList } from '../../report/state-text.ts';
import type { RunCommand } from '../invocation.ts';

/** What is up, or left of labs that were. */
export const run: RunCommand = async ({ lab, output }) => {
  const labs = await lab.listLabs();
  output.document(labs);
  output.data(renderLabList(labs, output.style, Date.now()));
  const broken = labs.find((item) => item.status !== 'up');
  if (labs.length === 0) output.note('no lab is up; `cnilab up FILE` brings one up');
  else if (broken !== undefined) output.note(`${broken.name} is ${broken.status}: \`cnilab down ${broken.name}\` cleans it, \`cnilab up\` builds it anew`);
  return 0;
};
