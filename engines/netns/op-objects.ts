/** Ops seen as objects of the kernel: what each is called, what it lives in, what its removal takes along. */
import type { Op } from './ops.ts';

/** Identity of the object that an op makes: two ops with the same key make the same object, perhaps with other properties. */
export function keyOf(op: Op): string {
  switch (op.op) {
    case 'netns':
      return netnsKey(op.ns);
    case 'sysctl':
      return join('sysctl', op.ns, op.key);
    case 'bridge':
    case 'veth':
    case 'vxlan':
    case 'ipip':
    case 'tun':
    case 'dummy':
      return linkKey(op.ns, op.name);
    case 'address':
      return join('address', op.ns, op.dev, op.address);
    case 'route':
      return join('route', op.ns, op.to);
    case 'neigh':
      return join('neigh', op.ns, op.dev, op.address);
    // Several destinations may stand under the flood address; a station has one.
    case 'fdb':
      return join('fdb', op.ns, op.dev, op.mac, ...(op.mac === '00:00:00:00:00:00' ? [op.dst] : []));
    case 'rules':
      return join('rules', op.ns, op.family);
    case 'nft':
      return join('nft', op.ns, op.family, op.table);
    case 'ipvs':
      return join('ipvs', op.ns);
    case 'file':
      return join('file', op.path);
    case 'cni-setup':
      return join('cni-setup', op.ns);
    case 'cni':
      return join('cni', op.containerId, op.ifname);
    case 'bird':
      return join('bird', op.ns);
    case 'dns':
      return join('dns', op.ns);
    case 'ingress':
      return join('ingress', op.ns);
    case 'proxy':
      return join('proxy', op.ns);
    case 'tunnel':
      return join('tunnel', op.ns);
    case 'forget-flows':
      return join('forget-flows', op.ns, op.family);
    case 'await-routes':
      return join('await-routes', op.ns);
  }
}

/** Objects whose removal takes this one along: the kernel does it. */
export function livesIn(op: Op): readonly string[] {
  switch (op.op) {
    case 'netns':
    case 'file':
      return [];
    case 'sysctl':
      return [netnsKey(op.ns), ...sysctlLink(op.ns, op.key)];
    case 'bridge':
    case 'ipip':
    case 'tun':
    case 'dummy':
    case 'rules':
    case 'nft':
    case 'ipvs':
    case 'forget-flows':
    case 'await-routes':
      return [netnsKey(op.ns)];
    case 'veth':
      return [netnsKey(op.ns), netnsKey(op.peer.ns)];
    case 'vxlan':
      return [netnsKey(op.ns), linkKey(op.ns, op.dev)];
    case 'address':
    case 'neigh':
    case 'fdb':
      return [netnsKey(op.ns), linkKey(op.ns, op.dev)];
    case 'route':
      return [netnsKey(op.ns), ...(op.dev === null ? [] : [linkKey(op.ns, op.dev)])];
    case 'tunnel':
      return [netnsKey(op.ns)];
    case 'cni':
      return [netnsKey(op.node), netnsKey(op.ns)];
    case 'cni-setup':
    case 'bird':
    case 'dns':
    case 'ingress':
    case 'proxy':
      return [netnsKey(op.ns)];
  }
}

/** Objects it leans on: when one of them goes, this one is cut off or lost and must be made again, but does not go by itself. */
export function leansOn(op: Op): readonly string[] {
  if (op.op === 'cni') return bridgesOf(op.list).map((name) => linkKey(op.node, name));
  if (op.op === 'tunnel') return [linkKey(op.ns, op.device)];
  return (op.op === 'veth' || op.op === 'vxlan') && op.master !== null ? [linkKey(op.ns, op.master)] : [];
}

/** Every name under which others live in it: a veth is found by either end, a pod's interface is what its CNI plugins made. */
export function aliasesOf(op: Op): readonly string[] {
  if (op.op === 'veth') return [keyOf(op), linkKey(op.peer.ns, op.peer.name)];
  return op.op === 'cni' && makesInterface(op.list) ? [keyOf(op), linkKey(op.ns, op.ifname)] : [keyOf(op)];
}

/** Needs an undo of its own even where its namespace goes: an address in host-local's folder, a process, a file, the record of what was applied. */
export function outlivesNamespace(op: Op): boolean {
  return (
    op.op === 'cni' ||
    op.op === 'cni-setup' ||
    op.op === 'bird' ||
    op.op === 'dns' ||
    op.op === 'ingress' ||
    op.op === 'proxy' ||
    op.op === 'tunnel' ||
    op.op === 'file' ||
    op.op === 'rules' ||
    op.op === 'nft' ||
    op.op === 'ipvs'
  );
}

/** Applying it anew puts it right, whatever was there before. */
export function isReplacedByApply(op: Op): boolean {
  return (
    op.op === 'rules' ||
    op.op === 'nft' ||
    op.op === 'ipvs' ||
    op.op === 'file' ||
    op.op === 'cni-setup' ||
    op.op === 'bird' ||
    op.op === 'dns' ||
    op.op === 'ingress' ||
    op.op === 'proxy' ||
    op.op === 'tunnel' ||
    op.op === 'sysctl' ||
    op.op === 'await-routes'
  );
}

function join(...parts: readonly string[]): string {
  return parts.join(' ');
}

function netnsKey(ns: string): string {
  return join('netns', ns);
}

function linkKey(ns: string, name: string): string {
  return join('link', ns, name);
}

function sysctlLink(ns: string, key: string): string[] {
  const dev = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(key)?.[1];
  return dev === undefined || dev === 'all' || dev === 'default' || dev === 'lo' ? [] : [linkKey(ns, dev)];
}

type Plugin = Readonly<Record<string, unknown>>;

function pluginsOf(list: Plugin): readonly Plugin[] {
  return Array.isArray(list['plugins']) ? (list['plugins'] as readonly Plugin[]) : [];
}

/** A chain that starts with a result only adds to an interface that is there. */
function makesInterface(list: Plugin): boolean {
  return pluginsOf(list)[0]?.['prevResult'] === undefined;
}

function bridgesOf(list: Plugin): string[] {
  return pluginsOf(list)
    .filter((p) => p['type'] === 'bridge')
    .map((p) => (typeof p['bridge'] === 'string' ? p['bridge'] : 'cni0'));
}
