/** Why an unprivileged user may not make namespaces here, and what mends it. */
import { readFileSync } from 'node:fs';

/** Settings that forbid it, by file: [forbidding value, remedy]. */
const SWITCHES: readonly (readonly [path: string, forbids: string, remedy: string])[] = [
  // Ubuntu 23.10 and later.
  ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'],
  // Debian's and Arch's patch.
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sudo sysctl -w kernel.unprivileged_userns_clone=1'],
  ['/proc/sys/user/max_user_namespaces', '0', 'sudo sysctl -w user.max_user_namespaces=15000'],
];

/** The command that allows it, or the way around: root. */
export function userNamespaceRemedy(read: (path: string) => string | null = readSetting): string {
  const forbidden = SWITCHES.filter(([path, value]) => read(path) === value).map(([, , remedy]) => remedy);
  if (forbidden.length > 0) return `allow them with \`${forbidden.join(' && ')}\`, or run cnilab as root (sudo)`;
  return 'run cnilab as root (sudo); in a container, start it with --privileged or with --cap-add SYS_ADMIN --cap-add NET_ADMIN and no seccomp profile';
}

/** Is a lab made as root first, and not in a user namespace of its own? `CNILAB_ROOTLESS=1` asks for the latter. */
export function asRoot(): boolean {
  return process.geteuid?.() === 0 && process.env['CNILAB_ROOTLESS'] !== '1';
}

/** Do the namespaces of a lab belong to the machine's first user namespace (user_namespaces(7): it maps all 32 bits of ids)? Some settings are shown to no other. */
export function ownedByFirstUsers(read: (path: string) => string | null = readSetting): boolean {
  return asRoot() && /^0\s+0\s+4294967295$/.test(read('/proc/self/uid_map') ?? '');
}

function readSetting(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
