import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CniRequest } from '../../engines/port.ts';
import { shippedConflist } from '../../lab/shipped.ts';
import { renderCniRun } from '../../report/cni-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { given, operand, textOption, type RunCommand } from '../invocation.ts';

const COMMANDS: Readonly<Record<string, CniRequest['command']>> = { 'cni add': 'ADD', 'cni check': 'CHECK', 'cni del': 'DEL' };

/** Calls the plugins of a list for one attachment; what they refuse is shown, and is the exit code. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const [name, pod, file] = [operand(invocation, 0), operand(invocation, 1), operand(invocation, 2)];
  const command = COMMANDS[invocation.command] ?? 'CHECK';
  const done = await lab.cniByHand(command, name, pod, conflistPath(file, streams.cwd), {
    ...given('node', textOption(invocation, 'node')),
    ...given('ifname', textOption(invocation, 'ifname')),
  });
  output.document(done);
  output.data(renderCniRun(done, output.style));
  if (!done.ok) return command === 'CHECK' ? exitCodes.checkFailed : exitCodes.engine;
  if (command === 'ADD') output.next(`cnilab exec ${name} ${done.pod} -- ip address show ${done.ifname}`);
  return exitCodes.ok;
};

/** Path of the list that a word means: what exists here by that name, else the one of the package. */
export function conflistPath(word: string, cwd: string): string {
  const here = resolve(cwd, word);
  return existsSync(here) ? here : (shippedConflist(word) ?? here);
}
