import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLanes } from '../../engines/netns/agent/lanes.ts';

describe('lanes', () => {
  it('run at most so many tasks at a time, and those of a lane one after the other in order', async () => {
    const lanes = createLanes(3);
    const busy = new Map<string, number>();
    const order: string[] = [];
    let running = 0;
    let most = 0;
    let overlaps = 0;
    for (let i = 0; i < 20; i++) {
      const lane = i % 2 === 0 ? `node${i % 4}` : null;
      lanes.start(lane, async () => {
        most = Math.max(most, ++running);
        if (lane !== null) {
          overlaps += busy.get(lane) ?? 0;
          busy.set(lane, 1);
          order.push(`${lane} ${i}`);
        }
        await sleep(1);
        if (lane !== null) busy.set(lane, 0);
        running--;
      });
    }
    await lanes.settled();
    expect(most).toBe(3);
    expect(overlaps).toBe(0);
    expect(order.filter((text) => text.startsWith('node0'))).toEqual(['node0 0', 'node0 4', 'node0 8', 'node0 12', 'node0 16']);
    await lanes.settled();
  });

  it('a failure lets the running end, begins no other, and is the one reported', async () => {
    const lanes = createLanes(2);
    const done: number[] = [];
    lanes.start(null, async () => {
      await sleep(1);
      throw new Error('first');
    });
    lanes.start(null, async () => {
      await sleep(5);
      done.push(1);
      throw new Error('second');
    });
    lanes.start(null, async () => {
      done.push(2);
    });
    await expect(lanes.settled()).rejects.toThrow('first');
    expect(done).toEqual([1]);
  });

  it('abandoned tasks never begin, running ones end', async () => {
    const lanes = createLanes(1);
    const done: number[] = [];
    for (const n of [1, 2])
      lanes.start(null, async () => {
        await sleep(1);
        done.push(n);
      });
    lanes.abandon();
    await lanes.settled();
    expect(done).toEqual([1]);
  });
});
