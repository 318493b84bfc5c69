import { describe, expect, it } from 'vitest';
import { kubeadmCorefile } from '../../../constructs/synth/corefile.ts';

const linesOf = (dnsDomain: string, kubernetesVersion: string): readonly string[] => kubeadmCorefile({ dnsDomain, kubernetesVersion }).split('\n');

describe('the Corefile of a real cluster', () => {
  it('has the domain of the cluster wherever that stands, and no other', () => {
    const lines = linesOf('lab.example', '1.34.4');
    expect(lines.filter((line) => line.includes('lab.example'))).toEqual([
      '    kubernetes lab.example in-addr.arpa ip6.arpa {',
      '       disable success lab.example',
      '       disable denial lab.example',
    ]);
    expect(lines.join('\n')).not.toContain('cluster.local');
  });

  it.each([
    ['1.31', false],
    ['1.31.14', false],
    ['1.32', true],
    ['1.32.0', true],
    ['1.37', true],
  ])('of kubeadm %s: are its own names kept out of the cache? %s', (version, uncached) => {
    const lines = linesOf('cluster.local', version);
    const at = lines.findIndex((line) => line.startsWith('    cache 30'));
    expect(lines.slice(at, at + 5)).toEqual(
      uncached
        ? ['    cache 30 {', '       disable success cluster.local', '       disable denial cluster.local', '    }', '    loop']
        : ['    cache 30', '    loop', '    reload', '    loadbalance', '}'],
    );
  });

  it('says of itself, in comments, who writes it', () => {
    const comments = linesOf('cluster.local', '1.34').filter((line) => line.startsWith('#'));
    expect(comments.join(' ')).toMatch(/kubeadm writes it into the ConfigMap kube-system\/coredns;.* applied by nobody/);
  });
});
