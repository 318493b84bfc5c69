import { describe, expect, it } from 'vitest';
import { describeReport, expectLab, expectLabWith } from '../../verify/vitest.ts';
import { failReport, inconclusiveReport, passReport } from '../report/report-fixture.ts';

const messageOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
};

describe('expectLab', () => {
  it('takes a report, or something that carries one', () => {
    expectLab(passReport()).toSatisfyNetworkModel();
    expectLab({ report: passReport() }).toSatisfyNetworkModel();
    expect(passReport()).toSatisfyNetworkModel();
  });

  it('shows failures first, with what was seen, what was expected, what to type, and the cause', () => {
    const message = messageOf(() => expectLab(failReport()).toSatisfyNetworkModel());
    expect(message).toMatchInlineSnapshot(`
      "lab three does not satisfy the network model: fail
      r1-pod-to-pod: 2 of 30 fail
        c1/default/web-worker1-1 → c1/default/web-worker2-1 tcp: the server saw 10.244.1.0:40122; expected 10.244.1.2:40122
          next: cnilab exec three c1/worker1 -- iptables -t nat -L -nv
        c1/default/web-worker1-1 → c1/default/web-worker2-1 tcp: the server saw 10.244.1.0:40122; expected 10.244.1.2:40122
          next: cnilab exec three c1/worker1 -- iptables -t nat -L -nv
        c1/default/web-worker1-1 → c1/default/web-worker2-1 udp: the server saw 10.244.1.0:40122; expected 10.244.1.2:40122
          next: cnilab exec three c1/worker1 -- iptables -t nat -L -nv
        c1/default/web-worker1-2 → c1/default/web-worker2-1 udp: the server saw 10.244.1.0:40122; expected 10.244.1.2:40122
          next: cnilab exec three c1/worker1 -- iptables -t nat -L -nv
        and 8 more
      cause: pod-source-rewritten at c1/worker1: A NAT rule rewrites the source of pod-to-pod packets"
    `);
    expectLab(failReport()).not.toSatisfyNetworkModel();
  });

  it('does not pass what is inconclusive', () => {
    expect(messageOf(() => expectLab(inconclusiveReport()).toSatisfyNetworkModel())).toContain(
      'r2-node-to-pod is inconclusive: c1/default/web-worker2-1: responder: EADDRINUSE',
    );
  });

  it('says so when a lab passes that was not to', () => {
    expect(messageOf(() => expectLab(passReport()).not.toSatisfyNetworkModel())).toBe(
      'lab three satisfies the network model (486 probes), and was expected not to',
    );
  });

  it('refuses a state that was not verified, with the next step', () => {
    expect(() => expectLab({ name: 'three', phase: 'up' } as never).toSatisfyNetworkModel()).toThrow(/expectLab\(await verify\(name\)\)/);
  });

  it('bounds what it lists', () => {
    const [check] = failReport().checks;
    const [failure] = check?.failures ?? [];
    if (check === undefined || failure === undefined) expect.fail('the fixture has no failure');
    const many = { ...failReport(), checks: [{ ...check, failures: Array.from({ length: 100 }, () => failure), failuresTotal: 4321 }] };
    expect(describeReport(many).split('\n').length).toBeLessThan(20);
    expect(describeReport(many)).toContain('and 4316 more');
  });
});

describe('expectLabWith', () => {
  it('verifies a running lab by its name', async () => {
    const asked: string[] = [];
    const expectRunning = expectLabWith((name) => {
      asked.push(name);
      return Promise.resolve(name === 'good' ? passReport() : failReport());
    });
    await expectRunning({ name: 'good' }).toSatisfyNetworkModel();
    await expectRunning({ name: 'bad' }).not.toSatisfyNetworkModel();
    await expect(expectRunning({ name: 'bad' }).toSatisfyNetworkModel()).rejects.toThrow('does not satisfy the network model');
    await expectRunning(passReport()).toSatisfyNetworkModel();
    expect(asked).toEqual(['good', 'bad', 'bad']);
  });
});
