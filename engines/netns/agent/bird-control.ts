/** BIRD's control socket: numbered replies, one line each (doc/reply_codes of BIRD). */
import { createConnection } from 'node:net';
import { KernelError } from './kernel-error.ts';
import { ERRNO } from './sys.ts';

export interface BirdReply {
  /** 0000-0999 done, 1000-1999 data, 8000-9999 errors; of the last line. */
  readonly code: number;
  readonly text: string;
}

/**
 * Sends one command and returns the whole answer.
 *
 * @throws Error of the socket (ENOENT, ECONNREFUSED: BIRD does not run), KernelError ETIMEDOUT
 */
export async function birdCommand(socketPath: string, command: string, timeoutMs = 2000): Promise<BirdReply> {
  return await new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    let pending = '';
    let greeted = false;
    const lines: string[] = [];
    const finish = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(timeoutMs, () => finish(() => reject(new KernelError(`BIRD does not answer on ${socketPath}`, ERRNO.ETIMEDOUT))));
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () => reject(new KernelError(`BIRD closed ${socketPath}`, ERRNO.ENOTCONN)));
    socket.on('data', (chunk) => {
      pending += chunk.toString();
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        if (!greeted) {
          greeted = true;
          socket.write(`${command}\n`);
          continue;
        }
        // `1002-text` goes on, `0000 text` is the last line; a continuation begins with a space or a plus.
        lines.push(line.replace(/^\d{4}[ -]|^[ +]/, ''));
        if (/^\d{4} /.test(line)) finish(() => resolve({ code: Number(line.slice(0, 4)), text: lines.join('\n').trim() }));
      }
    });
  });
}
