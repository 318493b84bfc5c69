import { CidrError, cidrContains, cidrOf, formatCidr, parseAddress, parseCidr, type Cidr } from '../cidr.ts';
import { caution, problem, type Path } from '../rules/findings.ts';
import type { BlockPeer, PolicyPeer } from './model.ts';
import { readObject, readTexts, type Found } from './read-fields.ts';
import { readSelector } from './read-selector.ts';

/** A range; host bits are cleared with a warning, as the API server does. Null, and an error, for what is no range. */
function readRange(text: unknown, what: string, path: Path, found: Found): Cidr | null {
  try {
    return parseCidr(typeof text === 'string' ? text : '');
  } catch (error) {
    if (!(error instanceof CidrError)) throw error;
    if (error.code === 'CIDR_HOST_BITS' && typeof text === 'string') {
      const [address = '', length] = text.split('/');
      const cidr = cidrOf(parseAddress(address), Number(length));
      found.push(caution('CIDR_HOST_BITS', path, `${what} ${text} is read as ${formatCidr(cidr)}`, `write ${formatCidr(cidr)}`));
      return cidr;
    }
    found.push(problem('POLICY_IP_BLOCK', path, `${what} is not a CIDR: ${error.message}`, 'write a range, like 192.168.5.10/32'));
    return null;
  }
}

function readBlock(value: unknown, path: Path, found: Found): readonly BlockPeer[] {
  const block = readObject(value, ['cidr', 'except'], path, found);
  const cidr = readRange(block['cidr'], 'cidr of the ipBlock', [...path, 'cidr'], found);
  const except = readTexts(block['except'], [...path, 'except'], found).flatMap(({ text, path: at }) => {
    const range = readRange(text, 'except', at, found);
    if (range === null || cidr === null) return [];
    if (cidrContains(cidr, range) && range.prefixLength > cidr.prefixLength) return [range];
    found.push(
      problem('POLICY_EXCEPT', at, `except ${text} is not inside of ${formatCidr(cidr)} and smaller than it`, 'name a part of the block, or leave it out'),
    );
    return [];
  });
  return cidr === null ? [] : [{ kind: 'block', cidr, except }];
}

/** An item of `from` or `to`. None, and an error, for one that the API server refuses. */
export function readPeer(value: unknown, path: Path, found: Found): readonly PolicyPeer[] {
  const peer = readObject(value, ['podSelector', 'namespaceSelector', 'ipBlock'], path, found);
  const has = (field: string): boolean => peer[field] !== undefined && peer[field] !== null;
  const selects = has('podSelector') || has('namespaceSelector');
  if (has('ipBlock')) {
    if (selects) {
      found.push(problem('POLICY_PEER', path, 'a peer has ipBlock or selectors, not both', 'write two items: each is a peer of its own'));
    }
    return readBlock(peer['ipBlock'], [...path, 'ipBlock'], found);
  }
  if (!selects) {
    found.push(
      problem('POLICY_PEER', path, 'a peer that names nobody', 'write podSelector, namespaceSelector or ipBlock; to allow everybody leave the whole list out'),
    );
    return [];
  }
  return [
    {
      kind: 'pods',
      namespaces: has('namespaceSelector') ? readSelector(peer['namespaceSelector'], [...path, 'namespaceSelector'], found) : null,
      pods: readSelector(peer['podSelector'], [...path, 'podSelector'], found),
    },
  ];
}
