/** QEMU's own protocol: one command at a time over the socket of a machine. https://www.qemu.org/docs/master/interop/qmp-spec.html */
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, basename } from 'node:path';
import { EngineError } from '../../topology/errors.ts';

const ANSWER_MS = 10_000;

interface Message {
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
  readonly event?: string;
}

/**
 * Sends one command to a machine and resolves to what it returns.
 *
 * @param socket path of the machine's socket; longer than a socket's address may be (108 bytes), it is reached through its folder
 * @throws EngineError ENGINE_STEP_FAILED
 */
export async function qmp(socket: string, execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const folder = await open(dirname(socket), 'r').catch((cause: unknown) => {
    throw failed(execute, (cause as Error).message, cause);
  });
  try {
    return await conversation(`/proc/self/fd/${folder.fd}/${basename(socket)}`, execute, args);
  } finally {
    await folder.close();
  }
}

async function conversation(path: string, execute: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const stream = connect(path);
    const waiting = setTimeout(() => end(failed(execute, `no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    const end = (error: EngineError | null, value?: unknown): void => {
      clearTimeout(waiting);
      stream.destroy();
      if (error === null) resolve(value);
      else reject(error);
    };
    const pending = [{ execute: 'qmp_capabilities' }, { execute, arguments: args }];
    const send = (): void => {
      stream.write(`${JSON.stringify(pending[0])}\n`);
    };
    const take = (message: Message): void => {
      if (message.QMP !== undefined) return send();
      if (message.error !== undefined) return end(failed(execute, message.error.desc ?? 'an error without words'));
      if (!('return' in message)) return;
      pending.shift();
      if (pending.length === 0) end(null, message.return);
      else send();
    };
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') take(JSON.parse(line) as Message);
    });
    stream.once('error', (cause) => end(failed(execute, cause.message, cause)));
    stream.once('close', () => end(failed(execute, 'QEMU closed the connection')));
  });
}

function failed(execute: string, why: string, cause?: unknown): EngineError {
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `QEMU did not do ${execute}: ${why}`,
    hint: '`cnilab ls` says whether the lab still runs',
    ...(cause === undefined ? {} : { cause }),
  });
}
