import { execFileSync } from 'node:child_process';

/** What a test may need of this machine. */
export type Requirement = 'netns' | 'rootless' | 'root' | 'bird' | 'plugins' | 'unprivileged-user';

const attempts: Readonly<Record<Requirement, () => string | null>> = {
  netns: () => attempt(['unshare', '-Urnm', '--', 'true'], 'network namespaces cannot be made here'),
  rootless: () => attempt(['unshare', '-Urnm', '--', 'true'], 'user namespaces are not allowed here'),
  root: () => (process.getuid?.() === 0 ? null : 'needs root'),
  bird: () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin:${CNILAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cnilab}/bird/usr/sbin command -v bird'], 'BIRD 2 is not here'),
  plugins: () =>
    attempt(
      ['sh', '-c', 'for d in $(echo "${CNI_PATH:-}" | tr : " ") /opt/cni/bin /usr/lib/cni /usr/libexec/cni; do [ -x $d/bridge ] && exit 0; done; exit 1'],
      'the CNI plugins are not here',
    ),
  'unprivileged-user': () =>
    process.getuid?.() !== 0
      ? 'needs root, to become somebody else'
      : attempt(
          ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'unshare', '-Urnm', '--', 'true'],
          'an unprivileged user may not make user namespaces here',
        ),
};

function attempt(argv: readonly [string, ...string[]], lack: string): string | null {
  try {
    execFileSync(argv[0], argv.slice(1), { stdio: 'ignore' });
    return null;
  } catch {
    return lack;
  }
}

/**
 * The reason why a test cannot run here, or null. With CNILAB_REQUIRE=netns a lack is an error instead: a machine that must be able to run
 * the real-kernel tests may not skip them.
 */
export function lacking(...requirements: readonly Requirement[]): string | null {
  const reason = requirements.map((r) => attempts[r]()).find((r) => r !== null) ?? null;
  if (reason !== null && (process.env['CNILAB_REQUIRE'] ?? '').split(',').includes('netns')) throw new Error(`CNILAB_REQUIRE=netns, but ${reason}`);
  return reason;
}
