import { execFileSync } from 'node:child_process';

/** What a test may need of this machine. */
export type Requirement =
  | 'netns'
  | 'rootless'
  | 'root'
  | 'bird'
  | 'dns-server'
  | 'dnsmasq'
  | 'nginx'
  | 'plugins'
  | 'unprivileged-user'
  | 'kind-program'
  | 'kind'
  | 'kubeadm'
  | 'cloud-init'
  | 'ssh-keygen'
  | 'vm'
  | 'pulumi';

/** The words in CNILAB_REQUIRE of which each turns a lack into an error. A machine that has real clusters has Pulumi. */
const demandedBy = (requirement: Requirement): readonly string[] => DEMANDED[requirement] ?? [requirement.startsWith('kind') ? 'kind' : 'netns'];
const DEMANDED: Readonly<Partial<Record<Requirement, readonly string[]>>> = {
  pulumi: ['pulumi', 'kind'],
  kubeadm: ['kind'],
  'cloud-init': ['cloud-init'],
  'ssh-keygen': ['vm'],
  vm: ['vm'],
};

const attempts: Readonly<Record<Requirement, () => string | null>> = {
  netns: () => attempt(['unshare', '-Urnm', '--', 'true'], 'network namespaces cannot be made here'),
  rootless: () => attempt(['unshare', '-Urnm', '--', 'true'], 'user namespaces are not allowed here'),
  root: () => (process.getuid?.() === 0 ? null : 'needs root'),
  bird: () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin:${CNILAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cnilab}/bird/usr/sbin command -v bird'], 'BIRD 2 is not here'),
  'dns-server': () =>
    attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin; [ -x "$CNILAB_COREDNS" ] || command -v coredns || command -v dnsmasq'], 'neither CoreDNS nor dnsmasq is here'),
  dnsmasq: () => attempt(['sh', '-c', 'PATH=$PATH:/usr/sbin command -v dnsmasq'], 'dnsmasq is not here'),
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
  kubeadm: () =>
    attempt(['sh', '-c', 'command -v kubeadm || docker image inspect "${CNILAB_NODE_IMAGE:?}"'], 'neither kubeadm nor a node image that has it is here'),
  'cloud-init': () => attempt(['cloud-init', '--version'], 'cloud-init is not here'),
  'ssh-keygen': () => attempt(['sh', '-c', 'command -v ssh-keygen'], 'ssh-keygen is not here'),
  // A prepared disk is a promise that machines can run: what else is missing then is an error.
  vm: () =>
    attempt(['sh', '-c', '[ -r "${CNILAB_VM_IMAGE:?}/disk.qcow2" ]'], 'CNILAB_VM_IMAGE names no folder with a prepared disk') ??
    attempt(['sh', '-c', 'command -v qemu-system-x86_64 && command -v qemu-img && command -v ssh && command -v kubectl'], 'QEMU, ssh or kubectl is not here'),
  pulumi: () =>
    attempt(['sh', '-c', 'pulumi version && command -v pulumi-resource-pulumi-nodejs'], 'the pulumi CLI with its host of dynamic resources is not here'),
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
 * the real-kernel or real-cluster tests may not skip them. So is it where CNILAB_VM_IMAGE names a disk: then machines are not skipped.
 */
export function lacking(...requirements: readonly Requirement[]): string | null {
  const demanded = [...(process.env['CNILAB_REQUIRE'] ?? '').split(','), ...(process.env['CNILAB_VM_IMAGE'] === undefined ? [] : ['vm'])];
  const lacks = requirements.flatMap((requirement) => {
    const reason = attempts[requirement]();
    return reason === null ? [] : [{ requirement, reason }];
  });
  for (const { requirement, reason } of lacks) {
    const word = demandedBy(requirement).find((each) => demanded.includes(each));
    if (word !== undefined) throw new Error(`${word} is required (CNILAB_REQUIRE, or CNILAB_VM_IMAGE for machines), but ${reason}`);
  }
  return lacks[0]?.reason ?? null;
}
