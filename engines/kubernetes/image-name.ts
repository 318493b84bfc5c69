/** Names of images as container runtimes list them. */

/** `docker.io/library/busybox:latest` for `busybox`: the one name that everything agrees on. */
export function canonicalImage(image: string): string {
  const [name = '', digest] = image.split('@');
  const first = name.split('/')[0] ?? '';
  const host = name.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const full = host ? name : `docker.io/${name.includes('/') ? '' : 'library/'}${name}`;
  const tagged = /:[^/]+$/.test(full) || digest !== undefined ? full : `${full}:latest`;
  return digest === undefined ? tagged : `${tagged}@${digest}`;
}
