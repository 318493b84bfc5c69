import { describe, expect, it } from 'vitest';
import { updateIpvs } from '../../engines/netns/agent/ipvs-text.ts';

const set = 'create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536';
const one = '-A -t 10.96.0.1:443 -s rr';
const two = '-A -u 10.96.0.10:53 -s rr';
const real = (server: string, at: string): string => `-a ${server} -r ${at} -m -w 1`;

describe('virtual servers and ipsets', () => {
  it('from nothing: sets and members, then servers by one restore', () => {
    expect(
      updateIpvs(
        { sets: [], servers: [] },
        { sets: [set, 'add KUBE-CLUSTER-IP 10.96.0.1,tcp:443'], servers: [one, real('-t 10.96.0.1:443', '172.30.0.2:6443')] },
      ),
    ).toEqual({
      sets: `${set} -exist\nadd KUBE-CLUSTER-IP 10.96.0.1,tcp:443 -exist\n`,
      commands: [],
      servers: `${one}\n${real('-t 10.96.0.1:443', '172.30.0.2:6443')}\n`,
    });
  });

  it('the same again touches nothing', () => {
    const texts = { sets: [set, 'add KUBE-CLUSTER-IP 10.96.0.1,tcp:443'], servers: [one, real('-t 10.96.0.1:443', '172.30.0.2:6443')] };
    expect(updateIpvs(texts, texts)).toEqual({ sets: `${set} -exist\n`, commands: [], servers: '' });
  });

  it('takes out what is gone, a virtual server with all its real ones at once, and edits what changed', () => {
    const before = {
      sets: [set, 'add KUBE-CLUSTER-IP 10.96.0.1,tcp:443', 'add KUBE-CLUSTER-IP 10.96.0.10,udp:53'],
      servers: [one, real('-t 10.96.0.1:443', '172.30.0.2:6443'), real('-t 10.96.0.1:443', '172.30.0.3:6443'), two, real('-u 10.96.0.10:53', '10.244.1.5:53')],
    };
    const after = {
      sets: [set, 'add KUBE-CLUSTER-IP 10.96.0.1,tcp:443', 'add KUBE-CLUSTER-IP 10.96.0.7,tcp:80'],
      servers: [`${one} -p 60`, real('-t 10.96.0.1:443', '172.30.0.3:6443'), real('-t 10.96.0.1:443', '172.30.0.4:6443')],
    };
    expect(updateIpvs(before, after)).toEqual({
      sets: `${set} -exist\ndel KUBE-CLUSTER-IP 10.96.0.10,udp:53 -exist\nadd KUBE-CLUSTER-IP 10.96.0.7,tcp:80 -exist\n`,
      commands: [
        ['-E', '-t', '10.96.0.1:443', '-s', 'rr', '-p', '60'],
        ['-d', '-t', '10.96.0.1:443', '-r', '172.30.0.2:6443'],
        ['-D', '-u', '10.96.0.10:53'],
      ],
      servers: `${real('-t 10.96.0.1:443', '172.30.0.4:6443')}\n`,
    });
  });
});
