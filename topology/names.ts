/** Names: what Kubernetes and the kernel accept, and the stable names that the plan derives from identities. */
import { createHash } from 'node:crypto';

/** Longest name of a network interface in bytes (IFNAMSIZ 16, less the final NUL: linux/if.h). */
export const INTERFACE_NAME_BYTES = 15;

/** Longest name of a network namespace that the plan makes, in bytes. */
export const NETNS_NAME_BYTES = 60;

/**
 * Why a text is not an RFC 1123 label (a-z, 0-9 and "-", letter or digit at both ends), or null when it is one.
 * @param maxLength characters; 63 is the limit of DNS (RFC 1123 2.1) and of Kubernetes
 */
export function labelProblem(text: string, maxLength = 63): string | null {
  return charactersProblem(text, /[^a-z0-9-]/u, 'a-z, 0-9 and "-"') ?? edgesProblem(text, 'it') ?? lengthProblem(text, maxLength);
}

/** Why a text is not an RFC 1123 subdomain (labels joined by "."), or null. Kubernetes names pods, DaemonSets and nodes like this. */
export function subdomainProblem(text: string, maxLength = 253): string | null {
  const characters = charactersProblem(text, /[^a-z0-9.-]/u, 'a-z, 0-9, "-" and "."');
  if (characters !== null) return characters;
  if (text.split('.').includes('')) return text === '' ? 'it is empty' : 'it has an empty part at a "."';
  for (const part of text.split('.')) {
    const problem = edgesProblem(part, text === part ? 'it' : `its part "${part}"`);
    if (problem !== null) return problem;
  }
  return lengthProblem(text, maxLength);
}

/** Is a value the number of a port? */
export const isPort = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;

/** Why a text is no name of a container port: at most 15 letters, digits and dashes, one letter at least (IANA service name, RFC 6335). */
export function portNameProblem(text: string): string | null {
  if (text.length > 15) return 'must be no more than 15 characters';
  if (!/^[a-z0-9-]+$/.test(text)) return 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)';
  if (!/[a-z]/.test(text)) return 'must contain at least one letter (a-z)';
  return /^-|-$|--/.test(text) ? 'must not begin or end with a hyphen, nor hold two in a row' : null;
}

/** Why the kernel refuses a text as the name of an interface (dev_valid_name in net/core/dev.c), or null. */
export function interfaceNameProblem(text: string): string | null {
  if (text === '') return 'it is empty';
  if (text === '.' || text === '..') return `"${text}" is a folder, not a name`;
  const bad = /[^!-~]|[/:%"'`$;&|<>\\]/u.exec(text);
  if (bad !== null) return `it holds ${shown(bad[0])} (character ${bad.index + 1})`;
  const bytes = Buffer.byteLength(text);
  return bytes > INTERFACE_NAME_BYTES ? `it has ${bytes} bytes; the kernel allows ${INTERFACE_NAME_BYTES}` : null;
}

/** Lower-case hex digits of the SHA-256 of a text: the same on every machine and in every run. */
export function stableHash(text: string, hexDigits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, hexDigits);
}

/** MAC address of an identity: locally administered unicast (IEEE 802 c: second-least bit of the first octet), always `02:…`. */
export function macFor(identity: string): string {
  return `02:${stableHash(`mac ${identity}`, 10).replace(/..(?=.)/g, '$&:')}`;
}

/**
 * Interface name of an identity: the prefix and as many hex digits of the hash as fit, 11 at most.
 * @throws {RangeError} when the prefix leaves room for fewer than 6 digits: names would collide
 */
export function interfaceName(prefix: string, identity: string): string {
  const room = INTERFACE_NAME_BYTES - Buffer.byteLength(prefix);
  if (room < 6) throw new RangeError(`interface prefix ${prefix} is too long: ${INTERFACE_NAME_BYTES - 6} bytes at most`);
  return prefix + stableHash(identity, Math.min(room, 11));
}

/**
 * Name of a network namespace, at most 60 bytes of `[a-z0-9.-]`: the parts joined by ".". A hash of the parts is appended when the name would be
 * too long or would not tell its parts apart (a part that holds a "." or a character that had to be replaced).
 */
export function netnsName(...parts: readonly string[]): string {
  const plain = parts.every((part) => labelProblem(part, NETNS_NAME_BYTES) === null);
  const joined = parts.map((part) => part.toLowerCase().replace(/[^a-z0-9.-]/gu, '-')).join('.');
  if (plain && joined.length <= NETNS_NAME_BYTES) return joined;
  const suffix = stableHash(JSON.stringify(parts), 10);
  const head = joined.slice(0, NETNS_NAME_BYTES - suffix.length - 1).replace(/^[.-]+|[.-]+$/g, '');
  return head === '' ? suffix : `${head}-${suffix}`;
}

/** The known word that is nearest to a text (edit distance), or null when none is near enough to be meant. */
export function nearest(text: string, known: readonly string[]): string | null {
  const scored = known.map((word) => ({ word, distance: editDistance(text.toLowerCase(), word.toLowerCase()) }));
  const best = scored.reduce<{ word: string; distance: number } | null>((a, b) => (a === null || b.distance < a.distance ? b : a), null);
  return best !== null && best.distance <= Math.max(1, Math.floor(Math.max(text.length, best.word.length) / 3)) ? best.word : null;
}

function charactersProblem(text: string, forbidden: RegExp, allowed: string): string | null {
  if (text === '') return 'it is empty';
  const bad = forbidden.exec(text);
  if (bad === null) return null;
  const upper = /[A-Z]/.test(bad[0]) ? '; write it in lower case' : '';
  return `it holds ${shown(bad[0])} (character ${bad.index + 1}); only ${allowed} may be used${upper}`;
}

function edgesProblem(text: string, what: string): string | null {
  if (text.startsWith('-')) return `${what} begins with "-"; a letter or digit must come first`;
  if (text.endsWith('-')) return `${what} ends with "-"; a letter or digit must come last`;
  return null;
}

function lengthProblem(text: string, maxLength: number): string | null {
  return text.length > maxLength ? `it has ${text.length} characters; ${maxLength} are allowed` : null;
}

/** A character as a person can read it: white space and control characters by number. */
function shown(character: string): string {
  if (character === ' ') return 'a space';
  if (/[\p{C}\p{Z}]/u.test(character)) return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return character === '"' ? `'"'` : `"${character}"`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  let before = row;
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      // The commonest slip of the fingers.
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
