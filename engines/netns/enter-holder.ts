/** argv that enters a holder's namespaces. */

/** `-U` first, or entering the others is refused; its uid map has one entry, so credentials stay as they are. Pid namespace: nsenter forks. */
export function holderArgv(pid: number, rootless: boolean): readonly [string, ...string[]] {
  return ['nsenter', ...(rootless ? ['--preserve-credentials', '-U'] : []), '-n', '-m', '-p', '-u', '-i', '-t', String(pid)];
}

/** Then one of the lab's network namespaces by its name, which exists only inside the holder's mount namespace. */
export function netnsArgv(pid: number, rootless: boolean, netns: string, argv: readonly string[]): readonly string[] {
  return [...holderArgv(pid, rootless), 'nsenter', `--net=/run/netns/${netns}`, '--', ...argv];
}
