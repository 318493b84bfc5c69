/** The Corefile that synth writes, read by a real CoreDNS. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kubeadmCorefile } from '../../constructs/synth/corefile.ts';
import { lacking } from '../requires.ts';
import { serverOf } from './dns-lab.ts';

const server = serverOf('coredns');
const why = lacking('netns') ?? (server === null ? 'CoreDNS is not here' : null);

/** For a few seconds it waits for an API that does not answer, and serves without. */
const STARTS_WITHIN_S = 20;

/** An API where nobody listens: outside of a cluster the plugin `kubernetes` must be told of one, or it does not begin. */
const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'http://127.0.0.1:1' } }]
users: [{ name: u, user: {} }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`;

/**
 * Starts CoreDNS with a text, in a network of its own whose resolver nobody is, and gives what it printed until it served, ended, or its time was over.
 * The text has one line more, the kubeconfig of the plugin `kubernetes`.
 */
function started(corefile: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cnilab-corefile-'));
  try {
    const conf = join(folder, 'Corefile');
    writeFileSync(conf, corefile.replace(/^( +)pods insecure$/m, `$&\n$1kubeconfig ${join(folder, 'kubeconfig')}`));
    writeFileSync(join(folder, 'kubeconfig'), KUBECONFIG);
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n');
    const script = [
      'ip link set lo up && mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 1',
      '"$2" -conf "$1/Corefile" >"$1/log" 2>&1 & pid=$!',
      `n=0; until grep -q "^CoreDNS-" "$1/log" || ! kill -0 $pid 2>/dev/null || [ $n -ge ${STARTS_WITHIN_S * 10} ]; do sleep 0.1; n=$((n + 1)); done`,
      'cat "$1/log"; kill -9 $pid 2>/dev/null; wait',
    ].join('\n');
    return execFileSync('unshare', ['-Urnm', 'sh', '-c', script, 'sh', folder, server?.program ?? ''], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(why !== null)(`the Corefile of synth${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each(['1.31', '1.34'])('of Kubernetes %s is one that CoreDNS serves by', (kubernetesVersion) => {
    const log = started(kubeadmCorefile({ dnsDomain: 'lab.example', kubernetesVersion }));
    expect(log).toMatch(/^\.:53$/m);
    expect(log).toMatch(/^CoreDNS-/m);
  });

  it('is refused with a plugin that there is none of', () => {
    const log = started(kubeadmCorefile({ dnsDomain: 'lab.example', kubernetesVersion: '1.34' }).replace('loadbalance', 'loadbalanced'));
    expect(log).toContain("Unknown directive 'loadbalanced'");
    expect(log).not.toMatch(/^CoreDNS-/m);
  });
});
