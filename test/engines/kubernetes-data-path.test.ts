/** What a CNI should have written on nodes, by what the API says of them. */
import { describe, expect, it } from 'vitest';
import { withDataPath } from '../../engines/kubernetes/expected-data-path.ts';
import { nodeFacts } from '../../engines/kubernetes/facts.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import type { CniPlan, NodePlan } from '../../topology/plan.ts';
import { recordedFacts, recordedItems, recordedVerification } from './kubernetes-fixture.ts';

const FACTS = recordedItems('Node').map(nodeFacts);
const [cluster] = observedPlan({ lab: 'lab', cluster: 'c1', facts: recordedFacts(), collected: recordedVerification() }).clusters;
const NODES = cluster?.nodes ?? [];

const FLANNEL = { type: 'flannel', backend: 'vxlan', vni: 1, port: 8472, directRouting: false, version: '0.28.4', mtuBytes: 1450 } as const;

function workerOf(cni: CniPlan): NodePlan | undefined {
  return withDataPath(cni, NODES, FACTS, 1450).find((node) => node.netns === 'lab-worker');
}
const routesOf = (cni: CniPlan): readonly string[] =>
  (workerOf(cni)?.podRoutes ?? []).map(({ to, via, dev, onlink }) => `${to} via ${via} dev ${dev}${onlink ? ' onlink' : ''}`);

describe('the data path that is expected', () => {
  it('of flannel follows from what it notes on the nodes', () => {
    expect(FACTS.find((one) => one.name === 'lab-worker')?.overlays).toEqual([{ family: 'ipv4', vni: 1, mac: '86:d3:92:25:cf:03', underlay: '172.18.0.6' }]);
    expect(routesOf(FLANNEL)).toEqual(['10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink', '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink']);
    expect(workerOf(FLANNEL)?.vxlans).toMatchObject([
      {
        name: 'flannel.1',
        mac: '86:d3:92:25:cf:03',
        vni: 1,
        port: 8472,
        local: '172.18.0.6',
        mtuBytes: 1450,
        peers: [
          { node: 'c1/lab-control-plane', mac: '3e:eb:98:d1:b0:fe', address: '10.244.0.0', underlay: '172.18.0.4' },
          { node: 'c1/lab-worker2', mac: 'aa:40:f9:e5:85:cc', address: '10.244.1.0', underlay: '172.18.0.5' },
        ],
      },
    ]);
  });
  it('is the same of a cluster in which flannel was found', () => {
    const found = { type: 'observed', name: 'flannel', ranges: 'node', mtuBytes: 1450 } as const;
    expect(workerOf(found)).toEqual(workerOf(FLANNEL));
  });
  it('of flannel without encapsulation, of bridge and of kindnet leads from node to node', () => {
    const bare = ['10.244.0.0/24 via 172.18.0.4 dev eth0', '10.244.1.0/24 via 172.18.0.5 dev eth0'];
    expect(routesOf({ type: 'kindnet', mtuBytes: 1500 })).toEqual(bare);
    expect(routesOf({ ...FLANNEL, directRouting: true })).toEqual(bare);
    expect(workerOf({ ...FLANNEL, directRouting: true })?.vxlans[0]?.peers).toEqual([]);
  });
  it('of other CNIs is not known, and nothing is expected', () => {
    expect(withDataPath({ type: 'observed', name: 'cilium', ranges: 'unknown', mtuBytes: 1500 }, NODES, FACTS, 1500)).toBe(NODES);
  });
});
