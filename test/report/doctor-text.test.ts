import { expect, it } from 'vitest';
import { CLUSTER_WORDS, renderDoctor } from '../../report/doctor-text.ts';
import { plainStyle } from '../../report/style.ts';

const found = { id: 'node', title: 'Node.js', ok: true, detail: 'v20.20.2', remedy: '', required: true, neededBy: '' };
const bird = {
  id: 'bird',
  title: 'BIRD 2',
  ok: false,
  detail: 'not in PATH',
  remedy: 'apt-get download bird2\ndpkg -x bird2_*.deb ~/.cache/cnilab/bird',
  required: false,
  neededBy: 'calico with encapsulation none',
};
const namespaces = {
  id: 'namespaces',
  title: 'network namespaces',
  ok: false,
  detail: 'unshare: Operation not permitted',
  remedy: 'run as root',
  required: true,
  neededBy: '',
};

it('puts what stops everything first, each lack with the command that mends it', () => {
  expect(renderDoctor([found, bird, namespaces], plainStyle)).toMatchInlineSnapshot(`
    "✗ network namespaces  unshare: Operation not permitted
        mend       run as root
    ? BIRD 2              not in PATH
        needed by  calico with encapsulation none
        mend       apt-get download bird2
                   dpkg -x bird2_*.deb ~/.cache/cnilab/bird

    ✓ Node.js             v20.20.2

    1 thing missing: no lab can run
    "
  `);
});

it('speaks of nodes where a cluster was asked', () => {
  expect(renderDoctor([found], plainStyle, undefined, CLUSTER_WORDS)).toMatch(/all nodes are ready\n$/);
  expect(renderDoctor([found, namespaces], plainStyle, undefined, CLUSTER_WORDS)).toMatch(/\n1 node not ready\n$/);
});

it('ends with what runs', () => {
  expect(renderDoctor([found], plainStyle)).toMatch(/everything is there\n$/);
  expect(renderDoctor([found, bird], plainStyle)).toMatch(/labs run; 1 thing missing for some of them\n$/);
});
