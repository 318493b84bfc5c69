/** argv that enters a holder's namespaces. */
import { RESOLV_FOLDER } from './dns/resolv-files.ts';
import { ETC_FOLDER } from './own-etc.ts';

/** `-U` first, or entering the others is refused; its uid map has one entry, so credentials stay as they are. Pid namespace: nsenter forks. */
export function holderArgv(pid: number, rootless: boolean): readonly [string, ...string[]] {
  return ['nsenter', ...(rootless ? ['--preserve-credentials', '-U'] : []), '-n', '-m', '-p', '-u', '-i', '-t', String(pid)];
}

/** Whom a program is run as: a namespace, and the identity of the pod that is meant where several share it. */
export interface Place {
  readonly netns: string;
  readonly id: string | undefined;
  /** Variables that it finds set. @default none */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Takes the host name $1, mounts the files of folder $2 over those of the same name in /etc, and the first of the files that exists, up to the argument `--`,
 * over /etc/resolv.conf; then becomes the rest of the arguments. Where that is a link into /run, which is the lab's own, its target is made. The same for
 * programs of a session: agent/own-etc.ts.
 */
const WITH_OWN_ETC = [
  // Where neither is to be had, it keeps the name of the machine that runs the lab.
  'name=$1; [ -e "$2/hostname" ] && read -r name <"$2/hostname"',
  'hostname "$name" 2>/dev/null || echo "$name" 2>/dev/null >/proc/sys/kernel/hostname',
  'for file in "$2"/*; do own=/etc/${file##*/}; [ -e "$file" ] && [ -e "$own" ] && { mount --bind "$file" "$own" || exit 71; }; done; shift 2',
  'conf=; while [ "$1" != -- ]; do [ -z "$conf" ] && [ -e "$1" ] && conf=$1; shift; done; shift',
  'target=/etc/resolv.conf',
  '[ -L "$target" ] && target=$(readlink -m "$target")',
  'case $target in /run/*) [ -e "$target" ] || { mkdir -p "${target%/*}" && : >"$target"; } ;; esac',
  'if [ -n "$conf" ] && [ -e "$target" ]; then mount --bind "$conf" "$target" || exit 71; fi',
  'exec "$@"',
].join('\n');

/**
 * Then one of the lab's network namespaces by its name, which exists only inside the holder's mount namespace, and a mount namespace in which /etc is what
 * the plan says. What somebody mounts in /run/netns there (`ip netns add`) is seen by the whole lab.
 */
export function netnsArgv(pid: number, rootless: boolean, { netns, id, environment = {} }: Place, argv: readonly string[]): readonly string[] {
  const files = [...(id === undefined ? [] : [id]), netns, 'machines'].map((name) => `${RESOLV_FOLDER}/${name}.conf`);
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const inside = [
    'unshare',
    '-m',
    '--propagation',
    'unchanged',
    '-u',
    'sh',
    '-c',
    WITH_OWN_ETC,
    'cnilab',
    hostName(id, netns),
    `${ETC_FOLDER}/${netns}`,
    ...files,
    '--',
    ...(settings.length === 0 ? [] : ['env', ...settings]),
    ...argv,
  ];
  return [...holderArgv(pid, rootless), 'nsenter', `--net=/run/netns/${netns}`, '--', ...inside];
}

/** As the machine or pod of that identity calls itself: the last part, that of its namespace where it has none. */
export function hostName(id: string | undefined, netns: string): string {
  return (id?.split('/') ?? netns.split('.')).at(-1) ?? netns;
}
