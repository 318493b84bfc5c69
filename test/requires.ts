import { execFileSync } from 'node:child_process';

/** What a test may need of this machine. */
export type Requirement = 'netns' | 'rootless' | 'root' | 'bird' | 'dns-server' | 'nginx' | 'plugins' | 'unprivileged-user' | 'kind-program' | 'kind';

/** The word in CNILAB_REQUIRE that turns a lack into an error. */
const demandedBy = (requirement: Requirement): string => (requirement.startsWith('kind') ? 'kind' : 'netns');

const attempts: Readonly<Record<Requirement, () => string | null>> = {
  netns: () => attempt(['unshare', '-Urnm', '--', 'true'], 'network namespaces cannot be made here'),
  rootless: () => attempt(['unshare', '-Urnm', '--', 'true'], 'user namespaces are not allowed here'),
  root: () => (process.getuid?.() === 0 ? null : 'needs root'),
  bird: () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin:${CNILAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cnilab}/bird/usr/sbin command -v bird'], 'BIRD 2 is not here'),
  'dns-server': () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin; [ -x "$CNILAB_COREDNS" ] || command -v coredns || command -v dnsmasq'], 'neither CoreDNS nor dnsmasq is here'),
  nginx: () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin:${CNILAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cnilab}/nginx/usr/sbin command -v nginx'], 'nginx is not here'),
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
  'kind-program': () => attempt(['kind', 'version'], 'kind is not here'),
  // Nothing is fetched in tests: the node image must be here.
  kind: () =>
    attempts['kind-program']() ??
    attempt(['kubectl', 'version', '--client'], 'kubectl is not here') ??
    attempt(['docker', 'info'], 'Docker does not answer') ??
    attempt(['sh', '-c', 'docker image inspect "${CNILAB_NODE_IMAGE:?}"'], 'CNILAB_NODE_IMAGE names no node image that is here'),
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
 * The reason why a test cannot run here, or null. With CNILAB_REQUIRE=netns or kind a lack is an error instead: a machine that must be able to run
 * the real-kernel or real-cluster tests may not skip them.
 */
export function lacking(...requirements: readonly Requirement[]): string | null {
  const demanded = (process.env['CNILAB_REQUIRE'] ?? '').split(',');
  const lacks = requirements.flatMap((requirement) => {
    const reason = attempts[requirement]();
    return reason === null ? [] : [{ requirement, reason }];
  });
  const hard = lacks.find(({ requirement }) => demanded.includes(demandedBy(requirement)));
  if (hard !== undefined) throw new Error(`CNILAB_REQUIRE=${demandedBy(hard.requirement)}, but ${hard.reason}`);
  return lacks[0]?.reason ?? null;
}
