/** What only the nodes of one lab, and who brought it up, may know. */
import { generateKeyPairSync, randomBytes, randomInt, type KeyObject } from 'node:crypto';
import type { SshKey, VmSecrets } from '../constructs/synth/vm/kubeadm-config.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const CURVE = 'nistp256';

/** kubeadm's form of a token: `[a-z0-9]{6}.[a-z0-9]{16}`. */
function token(): string {
  const letters = (count: number): string => Array.from({ length: count }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('');
  return `${letters(6)}.${letters(16)}`;
}

/** A length and the bytes: RFC 4251, section 5. */
function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The public key as OpenSSH writes it: RFC 5656, section 3.1, an uncompressed point. */
function publicLine(key: KeyObject): string {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const type = `ecdsa-sha2-${CURVE}`;
  const blob = Buffer.concat([type, CURVE].map((text) => sshString(Buffer.from(text))).concat(sshString(point)));
  return `${type} ${blob.toString('base64')}`;
}

/** A key of a kind that OpenSSH reads from PEM, and that a slow machine works with in time. */
function sshKey(): SshKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicLine: publicLine(publicKey), privatePem: String(privateKey.export({ type: 'sec1', format: 'pem' })) };
}

/** New ones, for one coming up of a lab. */
export function makeVmSecrets(): VmSecrets {
  return { token: token(), certificateKey: randomBytes(32).toString('hex'), client: sshKey(), host: sshKey() };
}
