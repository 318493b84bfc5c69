import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import type { StopSignal } from '../../cli/signals.ts';
import { exitCodeOf } from '../../cli/exit-codes.ts';
import { EngineError, InternalError, LabError, SpecError, type LabErrorCode } from '../../topology/errors.ts';
import { failReport, inconclusiveReport, passReport } from '../report/report-fixture.ts';
import { runCli } from './run-cli.ts';

/** A colour code, not the spinner's erasing of its line. */
const SGR = /\p{Cc}\[[\d;]*m/u;
const never = async (): Promise<never> => new Promise(() => undefined);

/** A lab of one name, whose `verify` gives this report. */
function verifying(report: ReturnType<typeof passReport>): Partial<LabApi> {
  return {
    verify: async (_name, options) => {
      options?.onProgress?.({ step: 'r1-pod-to-pod', phase: 'end', ms: 12 });
      return Promise.resolve(report);
    },
  };
}

function failing(error: unknown): Partial<LabApi> {
  return { listLabs: async () => Promise.reject(error as Error) };
}

function labError(code: LabErrorCode, details: Record<string, unknown> = {}): LabError {
  return new LabError({ code, message: `message of ${code}`, hint: 'what to do', details });
}

describe('exit codes', () => {
  it.each([
    ['LAB_INVALID', 2],
    ['LAB_FILE_NOT_FOUND', 2],
    ['LAB_FILE_THROWS', 2],
    ['LAB_FILE_TIMEOUT', 2],
    ['LAB_UNKNOWN', 2],
    ['TARGET_UNKNOWN', 2],
    ['USAGE', 2],
    ['FAULT_UNKNOWN', 2],
    ['ENVIRONMENT_LACKS', 3],
    ['STATE_NEWER', 3],
    ['ENGINE_STEP_FAILED', 4],
    ['LAB_LOST', 4],
    ['LAB_LOCKED', 4],
    ['TIMEOUT', 4],
    ['REPLACE_NEEDED', 6],
    ['INTERNAL', 70],
    ['INTERRUPTED', 130],
  ] as const)('%s exits %i', async (code, exit) => {
    const result = await runCli(['ls'], { lab: failing(labError(code)) });
    expect(result).toMatchObject({ code: exit, stdout: '' });
    expect(result.stderr).toContain(`error: message of ${code}\nhint: what to do\nsee docs/errors.md#${code.toLowerCase()}\n`);
  });

  it('SIGTERM is 143', () => {
    expect(exitCodeOf(labError('INTERRUPTED', { signal: 'SIGTERM' }))).toBe(143);
  });

  it.each([
    ['pass', passReport(), 0],
    ['fail', failReport(), 1],
    ['inconclusive', inconclusiveReport(), 5],
  ] as const)('verify: %s', async (_name, report, exit) => {
    const result = await runCli(['verify', 'three'], { lab: verifying(report) });
    expect(result.code).toBe(exit);
    expect(result.stdout).toContain('three on netns');
    expect(result.stderr).toMatch(/^ • r1-pod-to-pod {2}12 ms\nnext: cnilab /);
  });

  it.each([
    ['pass', passReport(), null],
    ['fail', failReport(), "cnilab verify --kubeconfig '/my files/config' --probe-image agnhost:1 --protocol tcp,udp --json"],
  ] as const)('verify --kubeconfig, which is of no lab: %s', async (_name, report, next) => {
    const asked: unknown[] = [];
    const lab: Partial<LabApi> = {
      verifyExisting: async (...given) => {
        asked.push(given);
        return Promise.resolve(report);
      },
    };
    const words = ['--kubeconfig', '/my files/config', '--probe-image', 'agnhost:1', '--protocol', 'tcp,udp'];
    const { stderr } = await runCli(['verify', ...words], { lab });
    expect(/next: (.*)/.exec(stderr)?.[1] ?? null).toBe(next);
    expect(asked).toEqual([[{ kubeconfig: '/my files/config' }, expect.objectContaining({ image: 'agnhost:1', protocols: ['tcp', 'udp'] })]]);
  });

  it('what is no LabError is a bug: 70, with its stack', async () => {
    const result = await runCli(['ls'], { lab: failing(new TypeError('x is not a function')) });
    expect(result.code).toBe(70);
    expect(result.stderr).toMatch(/^error: x is not a function\nhint: this is a bug of cnilab[^]*\n {4}at /);
  });

  it('shows a stack of a LabError only with -v, and always of an InternalError', async () => {
    expect((await runCli(['ls'], { lab: failing(labError('LAB_UNKNOWN')) })).stderr).not.toContain('    at ');
    expect((await runCli(['ls', '-v'], { lab: failing(labError('LAB_UNKNOWN')) })).stderr).toContain('    at ');
    expect((await runCli(['ls'], { lab: failing(new InternalError('broken', new Error('the cause'))) })).stderr).toContain('caused by Error: the cause');
  });
});

describe('usage', () => {
  it.each([
    [['verfy', 'x'], "error: unknown command 'verfy'\nhint: did you mean verify?"],
    [['ls', '--jsno'], "error: unknown option '--jsno'\nhint: did you mean --json?"],
    [['help', 'nonsense'], "error: unknown command 'nonsense'"],
    [['nonsense', '--help'], "error: unknown command 'nonsense'"],
    [['down'], 'error: no lab named'],
    [['down', 'x', '--all'], 'error: --all and names exclude each other'],
    [['down', 'x', '--force'], 'error: --force is of no lab'],
    [['up', 'x.ts', '--junit', 'y.xml'], 'error: --junit is of no use without --verify'],
    [['verify', 'x', '--probe-image', 'agnhost:1'], 'error: --probe-image is of no lab'],
    [['images', 'x', '--node-image', 'node:1'], 'error: --node-image is of no use with a running lab'],
    [['images', 'x', '--image', 'a/b=c/d'], 'error: --image is of no use with a running lab'],
    [['doctor', '--engine', 'kind', '--node-image', 'node:1'], 'error: --node-image is of no use without a lab file'],
    [['doctor', 'x.ts', '--node-image', 'node:1'], 'error: --node-image is of no use on engine netns'],
    [['completion', 'tcsh'], 'error: no completion for tcsh'],
    [['shell', 'x', 'y'], 'error: shell needs a terminal'],
  ])('%j exits 2 and keeps stdout empty', async (argv, message) => {
    const result = await runCli(argv);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  it('without a command prints the help to stderr', async () => {
    expect(await runCli([])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage: cnilab <command>') as string });
  });
});

describe('--json', () => {
  it('prints exactly one document on stdout, and JSON lines on stderr', async () => {
    const result = await runCli(['verify', 'three', '--json'], { lab: verifying(failReport()) });
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toEqual(failReport());
    const lines = result.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => Object.keys(line).join())).toEqual(['event', 'next']);
  });

  it('prints errors as one JSON line on stderr, with stdout empty', async () => {
    const result = await runCli(['ls', '--json'], { lab: failing(labError('LAB_UNKNOWN', { known: ['a'] })) });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(JSON.parse(result.stderr)).toEqual({
      error: { code: 'LAB_UNKNOWN', message: 'message of LAB_UNKNOWN', hint: 'what to do', docs: 'docs/errors.md#lab_unknown', details: { known: ['a'] } },
    });
    const usage = await runCli(['lss', '--json']);
    expect(JSON.parse(usage.stderr)).toMatchObject({ error: { code: 'USAGE' } });
    expect(usage.stdout).toBe('');
  });

  it('is never coloured, not even with FORCE_COLOR', async () => {
    const result = await runCli(['verify', 'three', '--json'], { lab: verifying(failReport()), tty: true, env: { FORCE_COLOR: '1' } });
    expect(result.stdout + result.stderr).not.toContain('\u001B');
  });

  it('lists no lab as an empty list', async () => {
    expect(await runCli(['ls', '--json', '-q'], { lab: { listLabs: async () => Promise.resolve([]) } })).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });
});

describe('streams', () => {
  it('-q leaves only data and errors', async () => {
    const result = await runCli(['verify', 'three', '-q'], { lab: verifying(passReport()) });
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('three on netns');
    expect((await runCli(['ls', '-q'], { lab: failing(labError('LAB_LOST')) })).stderr).toContain('error: message of LAB_LOST');
  });

  it('colours a terminal, not with NO_COLOR, not a pipe', async () => {
    const lab = verifying(failReport());
    expect((await runCli(['verify', 'three'], { lab, tty: true })).stdout).toMatch(SGR);
    const plain = await runCli(['verify', 'three'], { lab, tty: true, env: { NO_COLOR: '1' } });
    expect(plain.stdout + plain.stderr).not.toMatch(SGR);
    expect((await runCli(['verify', 'three'], { lab })).stdout).not.toMatch(SGR);
  });

  it('takes control characters out of messages', async () => {
    expect(
      (await runCli(['ls'], { lab: failing(new LabError({ code: 'LAB_FILE_THROWS', message: 'boo\u001B]0;title\u0007', hint: 'h' })) })).stderr,
    ).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it('prints the pasteable command and the end of stderr of a failed step', async () => {
    const error = new EngineError({
      code: 'COMMAND_FAILED',
      message: 'adding a route failed',
      hint: 'h',
      details: { command: 'ip route add x', stderr: 'RTNETLINK answers: No such device\n', remains: ['holder 77'] },
    });
    expect((await runCli(['ls'], { lab: failing(error) })).stderr).toContain(
      '  ran: ip route add x\n  | RTNETLINK answers: No such device\n  remains: holder 77\nhint: h',
    );
  });

  it('prints every diagnostic of an invalid lab, one a line', async () => {
    const diagnostics = ['CIDR_OVERLAP', 'NAME_INVALID'].map((code) => ({
      severity: 'error' as const,
      code,
      path: ['clusters', 0, 'podCIDR'],
      message: `about ${code}`,
      hint: 'mend it',
    }));
    const { stderr, code } = await runCli(['ls'], { lab: failing(new SpecError(diagnostics, 'lab.yaml')) });
    expect(code).toBe(2);
    expect(stderr.split('\n').filter((line) => /CIDR_OVERLAP.*mend it|NAME_INVALID.*mend it/.test(line))).toHaveLength(2);
  });
});

describe('time and signals', () => {
  function signals(): { source: NonNullable<Parameters<typeof runCli>[1]>['signals']; send: (signal: StopSignal) => void } {
    const listeners = new Map<StopSignal, () => void>();
    return {
      source: { on: (signal: StopSignal, listener: () => void) => listeners.set(signal, listener), off: (signal: StopSignal) => listeners.delete(signal) },
      send: (signal) => {
        listeners.get(signal)?.();
      },
    };
  }
  const up = (until: (signal: AbortSignal) => Promise<never>): Partial<LabApi> => ({
    loadLab: async () => Promise.resolve({ path: '/x.yaml', sha256: '', kind: 'yaml', input: {}, spec: { name: 'x' }, positionOf: () => null }),
    up: async (_loaded, options) => until(options?.signal as AbortSignal),
  });

  it('--timeout bounds a command that never ends', async () => {
    const result = await runCli(['ls', '--timeout', '0.05'], { lab: { listLabs: never } });
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain('error: ls did not end within 0.05 s');
  });

  it('a time limit gives `up` the time to clean up, and is what is reported', async () => {
    let cleaned = false;
    const lab = up(
      async (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            setTimeout(() => {
              cleaned = true;
              reject(labError('INTERRUPTED'));
            }, 30);
          });
        }),
    );
    const result = await runCli(['up', 'x.yaml', '--timeout', '0.02'], { lab });
    expect(cleaned).toBe(true);
    expect(result.code).toBe(4);
    expect(result.stderr).toContain('up did not end within 0.02 s');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('first %s stops and saves, the second leaves at once', async (signal, code) => {
    const { source, send } = signals();
    const exits: number[] = [];
    let started: () => void = () => undefined;
    const starting = new Promise<void>((resolve) => {
      started = resolve;
    });
    const lab = up(
      async (aborted) =>
        new Promise((_resolve, reject) => {
          started();
          aborted.addEventListener('abort', () => {
            setTimeout(() => {
              reject(aborted.reason as Error);
            }, 30);
          });
        }),
    );
    const running = runCli(['up', 'x.yaml'], { lab, signals: source, exit: (exit) => exits.push(exit) });
    await starting;
    send(signal);
    send(signal);
    expect(exits).toEqual([code]);
    const result = await running;
    expect(result.code).toBe(code);
    expect(result.stderr).toContain('stopping and saving');
  });

  it('a command that has nothing to save ends at the first Ctrl-C', async () => {
    const { source, send } = signals();
    const running = runCli(['ls'], {
      lab: {
        listLabs: async () => {
          send('SIGINT');
          return never();
        },
      },
      signals: source,
    });
    expect((await running).code).toBe(130);
  });
});

describe('commands', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cnilab-cli-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('verify writes JUnit whole, beside the report', async () => {
    const file = join(directory, 'out.xml');
    expect((await runCli(['verify', 'three', '--junit', file], { lab: verifying(failReport()) })).code).toBe(1);
    expect(readFileSync(file, 'utf8')).toMatch(/^<\?xml[^]*<\/testsuites>\n$/);
    expect(readdirSync(directory)).toEqual(['out.xml']);
  });

  it('verify finds out before its work that the JUnit file cannot be written', async () => {
    const file = join(directory, 'none', 'out.xml');
    const result = await runCli(['verify', 'three', '--junit', file], { lab: { verify: async () => Promise.reject(new Error('must not be called')) } });
    expect(result.code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });

  it('verify hands its options on', async () => {
    let seen: unknown;
    const lab: Partial<LabApi> = {
      verify: async (_name, options) => {
        seen = options;
        return Promise.resolve(passReport());
      },
    };
    await runCli(
      [
        'verify',
        'three',
        '--profile',
        'strict',
        '--attempts',
        '9',
        '--protocol',
        'udp',
        '--family',
        'ipv6',
        '--deadline',
        '200',
        '--suite',
        'dns,services',
        '--only',
        '^r1',
        '--skip',
        'loss',
      ],
      { lab },
    );
    expect(seen).toMatchObject({
      profile: 'strict',
      attempts: 9,
      protocols: ['udp'],
      families: ['ipv6'],
      deadlineMs: 200,
      suites: ['dns', 'services'],
      only: /^r1/,
      skip: /loss/,
    });
  });

  it('down --kubeconfig says what it leaves, and --force is passed on', async () => {
    const left = [{ namespace: 'cnilab-verify-1', deadline: '2030-01-01T00:00:00.000Z' }];
    const lab: Partial<LabApi> = {
      removeLeftovers: async (_cluster, options) =>
        Promise.resolve(options?.force === true ? { removed: ['cnilab-verify-1'], left: [] } : { removed: [], left }),
    };
    const kept = await runCli(['down', '--context', 'c'], { lab });
    expect(kept.code).toBe(0);
    expect(kept.stderr).toBe('left cnilab-verify-1: its verification may still run, until 2030-01-01T00:00:00.000Z; --force removes it all the same\n');
    expect((await runCli(['down', '--context', 'c', '--force'], { lab })).stderr).toBe('removed cnilab-verify-1\n');
    expect(JSON.parse((await runCli(['down', '--context', 'c', '--json'], { lab })).stdout)).toEqual({ namespaces: [], left });
  });

  it('down goes on after one that fails, and ends with its error', async () => {
    const asked: string[] = [];
    const lab: Partial<LabApi> = {
      down: async (name) => {
        asked.push(name);
        return name === 'b' ? Promise.reject(labError('LAB_LOCKED')) : Promise.resolve({ existed: name === 'a', elapsedMs: 3 });
      },
    };
    const result = await runCli(['down', 'a', 'b', 'c'], { lab });
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/a is down {2}3 ms\nc was not up\nerror: message of LAB_LOCKED/);
  });

  it('exec ends with the exit code of the program', async () => {
    const started: (readonly string[])[] = [];
    const lab: Partial<LabApi> = {
      enterArgv: async (name, target, argv) => Promise.resolve(['nsenter', name, target, ...argv]),
      runAttached: async (argv) => {
        started.push(argv);
        return Promise.resolve(17);
      },
    };
    expect(await runCli(['exec', 'three', 'worker1', '--', 'ip', '--json', 'route'], { lab })).toEqual({ code: 17, stdout: '', stderr: '' });
    expect(started).toEqual([['nsenter', 'three', 'worker1', 'ip', '--json', 'route']]);
  });

  it('doctor exits 3 when something is missing that every lab needs, or the named lab', async () => {
    const lack = {
      id: 'bird',
      title: 'BIRD 2',
      ok: false,
      detail: 'not found',
      remedy: 'apt-get download bird2',
      required: false,
      neededBy: 'calico, encapsulation none',
    };
    const doctor = (required: boolean): Partial<LabApi> => ({ doctor: async () => Promise.resolve([{ ...lack, required }]) });
    expect((await runCli(['doctor'], { lab: doctor(false) })).code).toBe(0);
    const fatal = await runCli(['doctor'], { lab: doctor(true) });
    expect(fatal.code).toBe(3);
    expect(fatal.stdout).toContain('apt-get download bird2');
    const result = await runCli(['doctor', '--json'], { lab: doctor(true) });
    expect(JSON.parse(result.stdout)).toMatchObject({ ok: false, capabilities: [{ id: 'bird' }] });
  });

  it('doctor looks at the nodes of a cluster that is named, and at nothing else then', async () => {
    const node = (ok: boolean): Partial<LabApi> => ({
      examineExisting: async (cluster) => {
        expect(cluster).toEqual({ kubeconfig: join(directory, 'kc'), context: 'staging' });
        return Promise.resolve([
          {
            id: 'node-a',
            title: 'node a',
            ok,
            detail: 'worker, containerd://2.1.3 (unix:///run/containerd/containerd.sock)',
            remedy: '',
            required: true,
            neededBy: '',
          },
        ]);
      },
    });
    const args = ['doctor', '--kubeconfig', 'kc', '--context', 'staging'];
    const well = await runCli(args, { lab: node(true), cwd: directory });
    expect(well.code).toBe(0);
    expect(well.stdout).toMatch(/node a .*unix:\/\/\/run\/containerd\/containerd\.sock[^]*all nodes are ready\n$/);
    expect((await runCli(args, { lab: node(false), cwd: directory })).code).toBe(3);
    for (const more of ['x.ts', '--engine=kind', '--node-image=node:1']) {
      const refused = await runCli([...args, more], { lab: node(true), cwd: directory });
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/(x\.ts|kind|node:1) and --kubeconfig or --context exclude each other/);
    }
  });

  it('validate shows every problem of every file, also of those that do not load', async () => {
    const lab: Partial<LabApi> = {
      loadLab: async (path) =>
        path.endsWith('b.ts')
          ? Promise.reject(labError('LAB_FILE_THROWS'))
          : Promise.resolve({ path, sha256: '', kind: 'yaml', input: {}, spec: { name: 'x' }, positionOf: () => ({ line: 3, column: 5 }) }),
      validateLab: async (loaded) =>
        Promise.resolve(
          loaded.path.endsWith('c.yaml') ? [] : [{ severity: 'error', code: 'CIDR_OVERLAP', path: ['clusters'], message: 'overlap', hint: 'move it' }],
        ),
    };
    const result = await runCli(['validate', 'a.yaml', 'b.ts', 'c.yaml'], { lab, cwd: directory });
    expect(result.code).toBe(2);
    expect(result.stdout).toMatch(/a\.yaml:3:5.*CIDR_OVERLAP.*\nb\.ts {2}LAB_FILE_THROWS.*\nc\.yaml {2}ok\n/);
    expect(result.stderr).toContain('3 files: 2 problems, 0 warnings');
    const json = JSON.parse((await runCli(['validate', 'a.yaml', 'c.yaml', '--json'], { lab, cwd: directory })).stdout) as unknown;
    expect(json).toMatchObject({
      valid: false,
      files: [{ file: 'a.yaml', valid: false, diagnostics: [{ code: 'CIDR_OVERLAP', line: 3, column: 5 }] }, { valid: true }],
    });
  });

  it('labs lists what a folder defines, and why a file does not load', async () => {
    const lab: Partial<LabApi> = { loadLab: async () => Promise.reject(labError('LAB_FILE_SYNTAX')) };
    expect((await runCli(['labs', 'none'], { cwd: directory, lab })).code).toBe(2);
    expect(await runCli(['labs', '.'], { cwd: directory, lab })).toMatchObject({ code: 0, stdout: '' });
  });
});
