import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FinishedCommand } from '../../engines/run-command.ts';
import { bootSector, chooseAccelerator } from '../../engines/vm/accelerator.ts';
import { accessTo } from '../../engines/vm/handle.ts';
import { consoleState, lastLines, lastPublicLines, readTail } from '../../engines/vm/serial.ts';
import { placeArgv } from '../../engines/vm/place.ts';
import { qmp } from '../../engines/vm/qmp.ts';
import { writeRecords, type MachineRecord } from '../../engines/vm/records.ts';
import { vmSession } from '../../engines/vm/session.ts';
import { sshArgv } from '../../engines/vm/ssh.ts';
import { EngineError, LabError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { shellWord } from '../../topology/shell-word.ts';
import { labNetwork } from '../../topology/vm-machines.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-vm-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('the console of a machine', () => {
  const TEXT = 'Linux\r\n\r\ncnilab: begin prepare\r\ncnilab: done prepare\r\n\r\ncnilab: begin kubeadm init\r\n| [certs] Generating "ca"\r\n| \r\n';

  it('tells how far it is', () => {
    expect(consoleState(TEXT)).toEqual({ begun: ['prepare', 'kubeadm init'], done: ['prepare'], failed: null, said: '[certs] Generating "ca"' });
    expect(consoleState(`${TEXT}cnilab: failed kubeadm init: exit code 1\r\n`).failed).toBe('kubeadm init: exit code 1');
    expect(consoleState('')).toEqual({ begun: [], done: [], failed: null, said: '' });
    // What only looks like a mark is none.
    expect(consoleState('echo cnilab: done kubeadm init').done).toEqual([]);
  });

  it('is read from its end, without what moves a cursor', async () => {
    const file = join(folder, 'serial.log');
    writeFileSync(file, `${'x'.repeat(100)}\n\u001B[1;31mlast\u001B[0m\r\n\n\u001Bcwords\r\n`);
    expect(lastLines(await readTail(file), 2)).toEqual(['last', 'words']);
    expect(await readTail(file, 4)).toHaveLength(4);
    expect(await readTail(join(folder, 'none'))).toBe('');
  });

  it('is told without its secrets, also where one begins before what is told', () => {
    const key = ['-----BEGIN EC PRIVATE KEY-----', ...Array.from({ length: 20 }, (_, i) => `line ${i} of the key`), '-----END EC PRIVATE KEY-----'];
    const text = ['| the token is abcdef.0123456789abcdef', ...key, '| certificate key:', 'ab'.repeat(32), 'kubeadm ended'].join('\r\n');
    expect(lastPublicLines(text, 2)).toEqual(['(removed)', 'kubeadm ended']);
    expect(lastPublicLines(text, 50)).toEqual(['| the token is (removed)', '(removed)', '| certificate key:', '(removed)', 'kubeadm ended']);
    expect(lastPublicLines('', 5)).toEqual([]);
  });
});

describe('QMP', () => {
  let server: Server | null = null;
  const socket = (): string => join(folder, 'a'.repeat(60), 'qmp');
  /** A QEMU that answers each command by a line, after an event that nobody asked for. */
  async function serve(answers: Readonly<Record<string, object>>): Promise<readonly string[]> {
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'a'.repeat(60)));
    const asked: string[] = [];
    server = createServer((stream) => {
      stream.write('{"QMP": {"version": {}}}\r\n');
      stream.on('data', (data) => {
        const { execute } = JSON.parse(data.toString()) as { execute: string };
        asked.push(data.toString().trim());
        stream.write(`{"event": "RESUME"}\r\n${JSON.stringify(answers[execute] ?? { return: {} })}\r\n`);
      });
    });
    await new Promise<void>((resolve) => server?.listen(socket(), resolve));
    return asked;
  }
  afterEach(() => {
    server?.close();
    server = null;
  });

  it('negotiates, sends one command and returns what it returns', async () => {
    const asked = await serve({ 'query-status': { return: { running: true } } });
    expect(await qmp(socket(), 'query-status')).toEqual({ running: true });
    expect(await qmp(socket(), 'set_link', { name: 'lab0', up: false })).toEqual({});
    expect(asked.at(-1)).toBe('{"execute":"set_link","arguments":{"name":"lab0","up":false}}');
  });

  it('says what QEMU says, and that it is gone', async () => {
    await serve({ set_link: { error: { desc: "Device 'lab9' not found" } } });
    await expect(qmp(socket(), 'set_link', { name: 'lab9' })).rejects.toThrow("QEMU did not do set_link: Device 'lab9' not found");
    await expect(qmp(join(folder, 'nobody'), 'quit')).rejects.toThrow(EngineError);
    await expect(qmp(join(folder, 'no', 'folder'), 'quit')).rejects.toThrow(EngineError);
  });
});

describe('the trial of KVM', () => {
  const answers = (result: Partial<FinishedCommand>) => async (): Promise<FinishedCommand> =>
    await Promise.resolve({ exitCode: 1, stdout: '', stderr: '', failure: '', ...result });

  it.each<[string, Partial<FinishedCommand>, boolean, RegExp]>([
    ['a guest that runs', { exitCode: 33 }, true, /^KVM/],
    ['a guest that hangs', { failure: 'took longer than 5000 ms' }, false, /did not end within 5 s/],
    [
      'a QEMU that aborts',
      { stderr: 'qemu-system-x86_64: error: failed to set MSR 0x10a\nAssertion failed\n', failure: 'was killed' },
      false,
      /failed to set MSR 0x10a\)$/,
    ],
    ['no /dev/kvm', { stderr: 'Could not access KVM kernel module: No such file or directory\n' }, false, /Could not access KVM/],
    ['no QEMU', { exitCode: 127, failure: 'qemu-system-x86_64 is not installed' }, false, /not installed/],
  ])('%s', async (_name, result, kvm, detail) => {
    const chosen = await chooseAccelerator(answers(result));
    expect(chosen.kvm).toBe(kvm);
    expect(chosen.option.startsWith('tcg')).toBe(!kvm);
    expect(chosen.detail).toMatch(detail);
  });

  it.each<[string, Partial<FinishedCommand>, boolean, RegExp]>([
    [
      'ran to its panic',
      { exitCode: 0, stdout: 'Linux version 6.1\n---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---\n' },
      true,
      /^KVM: the kernel/,
    ],
    ['hung', { failure: 'took longer than 20000 ms' }, false, /the kernel of the disk did not end within 20 s/],
    ['was reset before it said anything', { exitCode: 0, stdout: 'SeaBIOS\n' }, false, /with the kernel of the disk QEMU ended with 0/],
  ])('where one sector ran, and a kernel %s', async (_name, result, kvm, detail) => {
    const asked: string[][] = [];
    const run = async (argv: readonly string[]): Promise<FinishedCommand> => {
      asked.push([...argv]);
      return await answers(argv.includes('-kernel') ? result : { exitCode: 33 })();
    };
    const chosen = await chooseAccelerator(run, { kernel: '/disk/vmlinuz', within: folder });
    expect([chosen.kvm, asked.length, asked[1]?.includes('/disk/vmlinuz')]).toEqual([kvm, 2, true]);
    expect(chosen.detail).toMatch(detail);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('starts from one sector that a BIOS takes for a disk that boots', () => {
    const sector = bootSector();
    expect(sector).toHaveLength(512);
    expect([sector[510], sector[511]]).toEqual([0x55, 0xaa]);
  });
});

describe('the way into nodes', () => {
  const record = { cluster: 'c1', node: 'worker1', name: 'worker1', sshPort: 4022, wanted: 'running' } as MachineRecord;
  const handle = { directory: '/lab', clusters: { c1: 'cnilab-x' }, slowness: 1 };
  const stdio = { input: false, terminal: false };

  it('is ssh that reads no file of the user, with words kept whole', () => {
    const argv = sshArgv('/lab', record, ['sh', '-c', "echo 'a  b' $HOME"]);
    expect(argv.at(-1)).toBe(String.raw`sh -c 'echo '\''a  b'\'' $HOME'`);
    expect(argv.join(' ')).toMatch(/^ssh -F \/dev\/null -p 4022 -i \/lab\/key .*StrictHostKeyChecking=yes .*root@127\.0\.0\.1 -- /);
    expect(shellWord('')).toBe("''");
  });

  it('enters pods by kubectl, and nothing that is not there or off', () => {
    expect(placeArgv(handle, [record], 'pod:c1/default/web', ['ip', 'addr'], { input: true, terminal: true }).join(' ')).toBe(
      'kubectl --kubeconfig=/lab/cnilab-x.kubeconfig exec --stdin --tty --namespace default web -- ip addr',
    );
    expect(placeArgv(handle, [record], 'worker1', ['true'], { input: true, terminal: true })).toContain('-tt');
    expect(() => placeArgv(handle, [record], 'fabric', ['true'], stdio)).toThrow(LabError);
    expect(() => placeArgv(handle, [{ ...record, wanted: 'stopped' }], 'worker1', ['true'], stdio)).toThrow('worker1 is stopped');
  });

  it('gives programs as much more time as machines are slower, and says when it is over', async () => {
    await writeRecords(folder, [record]);
    const limits: (number | undefined)[] = [];
    const ran: (string | undefined)[] = [];
    const session = vmSession(
      {
        run: async (argv, options = {}) => {
          ran.push(argv.at(-1));
          limits.push(options.timeoutMs);
          return await Promise.resolve({ exitCode: 1, stdout: '', stderr: '', failure: `took longer than ${String(options.timeoutMs)} ms` });
        },
      },
      { ...handle, directory: folder, slowness: 12 },
      planLab({ name: 'lab', clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' } }] }),
    );
    await expect(session.run('worker1', ['sleep', '60'], { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(limits).toEqual([12_000]);
    expect(ran).toEqual(['timeout -k 1 13 sleep 60']);
  });

  it('has the node end what took too long, by the limit of its kind of machine: ssh takes nothing with it', async () => {
    const ran: unknown[] = [];
    const run = async (argv: readonly string[], { timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<FinishedCommand> => {
      ran.push([argv.at(-1), timeoutMs]);
      return await Promise.resolve({ exitCode: 0, stdout: '', stderr: '', failure: '' });
    };
    const { onNode } = accessTo({ run }, { ...handle, directory: folder }, 'c1');
    await writeRecords(folder, [record, { ...record, name: 'worker2', accelerator: 'kvm' }]);
    await onNode?.('worker1', ['ip', 'addr'], { timeoutMs: 10_000 });
    await onNode?.('worker2', ['ip', 'addr'], { timeoutMs: 10_000 });
    await onNode?.('worker2', ['ip', 'addr']);
    expect(ran).toEqual([
      ['timeout -k 1 121 ip addr', 120_000],
      ['timeout -k 1 11 ip addr', 10_000],
      ['ip addr', undefined],
    ]);
  });
});

describe('the network of a lab', () => {
  it('is a private group of its own', () => {
    for (let i = 0; i < 200; i++) {
      const { group, port } = labNetwork(`run ${i}`);
      expect(group).toMatch(/^239\.(19[2-9]|2[0-4]\d|25[0-5])\.\d+\.\d+$/);
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(52_768);
    }
    expect(new Set(Array.from({ length: 200 }, (_, i) => JSON.stringify(labNetwork(`run ${i}`)))).size).toBe(200);
  });
});
