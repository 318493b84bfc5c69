/** Takes what must stay secret out of texts before they are kept or handed on. Pure. */
import { isIP } from 'node:net';

/** What stands in the place of a secret. */
export const REMOVED = '(removed)';

/** Words that name a secret, as parts of longer names: `DB_PASSWORD`, `client-key-data`, `PrivateKey` of wg(8). */
const WORDS =
  'token|passw(?:or)?d|passphrase|secret|api[-_]?key|credential|fastopen_key|' +
  '(?:client|private|pre-?shared|shared|access|certificate|encryption|signing|session)[-_ ]?key';
const NAMES = new RegExp(`${WORDS}|(?:^|[-_])(?:auth|psk|authorization|cookie)$`, 'i');
const FLAGS = new RegExp(`^--(?:[\\w-]*-)?(?:${WORDS}|psk)$`, 'i');

/** Does the name of a field or a variable tell of a secret? */
export function namesSecret(name: string): boolean {
  return NAMES.test(name);
}

/** Is it a flag of a command line, behind which a secret stands? */
export function isSecretFlag(word: string): boolean {
  return FLAGS.test(word);
}

/** Is it an address, or a range or a port of one? Those are what evidence is about. */
export function isAddressText(value: string): boolean {
  const bare = value.replaceAll(/^["'[]+|["';\]]+$/g, '').replace(/\/\d+$/, '');
  return isIP(bare) !== 0 || isIP(bare.replace(/\]?:\d+$/, '')) !== 0;
}

/** In a text as programs write it: an equals sign or a colon behind the name, on its line; or a block of YAML below it (YAML 1.2 section 8.1). */
const NAMED = new RegExp(
  `((?:${WORDS}|client-certificate-data|\\bpsk)[\\w-]*["']?[^\\S\\n]*[:=][^\\S\\n]*)` +
    `("(?:[^"\\\\]|\\\\.)*"|'[^']*'|[|>][-+]?[^\\S\\n]*\\n([^\\S\\n]+)[^\\n]*(?:\\n\\3[^\\n]*)*|[^\\s,}]+)`,
  'gi',
);

const HEADER = String.raw`(?:[\w-]+-)?(?:authorization|cookie)`;
const SCHEME = String.raw`(?:(?:Bearer|Basic|Digest|Negotiate|Token)[^\S\n]+)?`;

/** Each for a format of its own; what is kept is the first group. */
const OTHERS: readonly RegExp[] = [
  // A header: all of it, which may be several words with quotes of their own. First in quotes, of a shell or of JSON, then to the end of its line.
  new RegExp(`((["'])${HEADER}\\2?[^\\S\\n]*[:=][^\\S\\n]*\\2?${SCHEME})(?:\\\\.|(?!\\2)[^\\n\\\\])+`, 'gi'),
  new RegExp(`((?<!["'\\w-])${HEADER}[^\\S\\n]*[:=][^\\S\\n]*${SCHEME})[^\\s][^\\n]*`, 'gi'),
  /(\bBearer\s+)[\w.~+/=-]{8,}/g,
  new RegExp(`(--(?:[\\w-]*-)?(?:${WORDS}|psk)[^\\S\\n]+)[^\\s-]\\S*`, 'g'),
  /(\bcurl\b[^\n]*?\s(?:-u|--user)\s+[^\s:]+:)\S+/g,
  // kubeadm prints it on a line of its own.
  /(certificate key:\s*\n)[0-9a-f]{64}/g,
  // BIRD, and FRR.
  /(\bpassword\s+)"[^"]*"/g,
  /(\bneighbor\s+\S+\s+password\s+(?:\d\s+)?)\S+/g,
  // ipsec.secrets(5).
  /(:\s*(?:PSK|EAP|XAUTH|NTLM)\s+)(?:"[^"]*"|0[sx]\S+)/g,
  // `ip xfrm state`, and the keys that CNIs hand to it: behind the name of an algorithm, rfc4106(gcm(aes)).
  /(\b[\w-]+\([\w-]+(?:\([\w-]+\))?\)\s+)(?:0x)?[0-9a-f]{16,}/gi,
  // ~/.docker/config.json.
  /("auth"\s*:\s*)"[^"]*"/g,
  // The password of a URL.
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi,
];

/** Known by their form: a private key (RFC 7468), a JSON web token (RFC 7519), a bootstrap token of kubeadm, a key of WireGuard that is not said to be public. */
const FORMS: readonly RegExp[] = [
  /-----BEGIN ([A-Z ]*PRIVATE KEY(?: BLOCK)?)-----[^]*?(?:-----END \1-----|$)/g,
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+/g,
  /\b[a-z0-9]{6}\.(?=[a-z]*\d)[a-z0-9]{16}\b(?![.-])/g,
  /(?<!(?:public key|peer|PublicKey)[^\S\n]*[:=][^\S\n]*)(?<![\w+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=(?![\w=])/g,
];

/**
 * The same text without private keys, tokens, headers that authorize, keys of WireGuard and IPsec, and the words beside those that name a secret. Addresses stay,
 * wherever they stand.
 */
export function textWithoutSecrets(text: string): string {
  const formed = FORMS.reduce((struck, form) => struck.replaceAll(form, REMOVED), text);
  const named = formed.replaceAll(NAMED, (_whole, before: string, value: string) => `${before}${isAddressText(value) ? value : REMOVED}`);
  return OTHERS.reduce((struck, rule) => struck.replaceAll(rule, `$1${REMOVED}`), named);
}
