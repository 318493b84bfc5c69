import { FULL_SIGHT, type EngineSession } from '../engines/port.ts';

/** A session of which a test gives what it is about; all else is refused. */
export function fakeSession(own: Partial<EngineSession>): EngineSession {
  const refuse = (): Promise<never> => Promise.reject(new Error('not a part of this test'));
  return { sight: FULL_SIGHT, probe: refuse, snapshot: refuse, run: refuse, checkAttachments: refuse, close: () => Promise.resolve(), ...own };
}
