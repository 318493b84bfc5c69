import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { signalDaemon } from '../../engines/netns/agent/daemon.ts';

it('a daemon that ended since it was looked at needs no signal', async () => {
  const child = spawn('true', { stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) throw new Error('not started');
  await once(child, 'exit');
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(() => signalDaemon({ pid, startTime: 0 }, 'SIGTERM')).not.toThrow();
});
