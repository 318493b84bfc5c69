import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConflist } from '../../lab/conflist.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const fileWith = (text: string): string => {
  const path = join(scratch.folder, 'x.conflist');
  writeFileSync(path, text);
  return path;
};

describe('a network configuration list', () => {
  it('is read as it is; a configuration of one plugin is a list of one', async () => {
    const list = { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge', x: 1 }], disableCheck: true };
    expect(await readConflist(fileWith(JSON.stringify(list)))).toEqual(list);
    const one = { cniVersion: '0.3.1', name: 'n', type: 'ptp' };
    expect(await readConflist(fileWith(JSON.stringify(one)))).toEqual({ cniVersion: '0.3.1', name: 'n', plugins: [one] });
  });

  it.each([
    ['{', /it is no JSON/],
    ['[]', /no JSON object/],
    ['{"name":"n","plugins":[{"type":"bridge"}]}', /no "cniVersion"/],
    ['{"cniVersion":"1.0.0","name":"../n","plugins":[{"type":"bridge"}]}', /its "name"/],
    ['{"cniVersion":"1.0.0","name":"n","plugins":[]}', /at least one plugin/],
    ['{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"bridge"},{}]}', /its plugin 2 has no "type"/],
    ['{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"../bin/sh"}]}', /its plugin 1 has no "type"/],
  ])('%s is refused', async (text, message) => {
    await expect(readConflist(fileWith(text))).rejects.toMatchObject({ code: 'CNI_LIST_INVALID', message: expect.stringMatching(message) });
  });

  it('that is not there is said', async () => {
    await expect(readConflist(join(scratch.folder, 'no'))).rejects.toMatchObject({
      code: 'CNI_LIST_INVALID',
      message: expect.stringContaining('no such file'),
    });
  });
});
