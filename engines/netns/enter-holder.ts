/** argv that enters a holder's namespaces. */
import { RESOLV_FOLDER } from './dns/resolv-files.ts';

/** `-U` first, or entering the others is refused; its uid map has one entry, so credentials stay as they are. Pid namespace: nsenter forks. */
export function holderArgv(pid: number, rootless: boolean): readonly [string, ...string[]] {
  return ['nsenter', ...(rootless ? ['--preserve-credentials', '-U'] : []), '-n', '-m', '-p', '-u', '-i', '-t', String(pid)];
}

/** Whom a program is run as: a namespace, and the identity of the pod that is meant where several share it. */
export interface Place {
  readonly netns: string;
  readonly id: string | undefined;
}

/**
 * Mounts the first of the files that exists, up to the argument `--`, over /etc/resolv.conf, then becomes the rest of the arguments. Where that is a link into
 * /run, which is the lab's own, its target is made. The same for programs of a session: agent/resolv-conf.ts.
 */
const WITH_RESOLV_CONF = [
  'conf=; while [ "$1" != -- ]; do [ -z "$conf" ] && [ -e "$1" ] && conf=$1; shift; done; shift',
  'target=/etc/resolv.conf',
  '[ -L "$target" ] && target=$(readlink -m "$target")',
  'case $target in /run/*) [ -e "$target" ] || { mkdir -p "${target%/*}" && : >"$target"; } ;; esac',
  'if [ -n "$conf" ] && [ -e "$target" ]; then mount --bind "$conf" "$target" || exit 71; fi',
  'exec "$@"',
].join('\n');

/**
 * Then one of the lab's network namespaces by its name, which exists only inside the holder's mount namespace, and a mount namespace in which
 * /etc/resolv.conf is what the plan says.
 */
export function netnsArgv(pid: number, rootless: boolean, { netns, id }: Place, argv: readonly string[]): readonly string[] {
  const files = [...(id === undefined ? [] : [id]), netns, 'machines'].map((name) => `${RESOLV_FOLDER}/${name}.conf`);
  const inside = ['unshare', '-m', 'sh', '-c', WITH_RESOLV_CONF, 'cnilab', ...files, '--', ...argv];
  return [...holderArgv(pid, rootless), 'nsenter', `--net=/run/netns/${netns}`, '--', ...inside];
}
