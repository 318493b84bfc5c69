/** Secrets of a lab: what must not be in the clear in Pulumi's state, nor in a text. */

const texts = (value: unknown): readonly string[] => Object.values(typeof value === 'object' ? (value ?? {}) : {}).filter((one) => typeof one === 'string');

/** Every password in the JSON text of a lab, and what its objects of kind Secret hold. */
export function secretsOf(spec: string): readonly string[] {
  const found: string[] = [];
  if (spec !== '') {
    JSON.parse(spec, (key: string, value: unknown) => {
      if (key === 'password' && typeof value === 'string') found.push(value);
      if (isSecret(value)) found.push(...texts(value.data), ...texts(value.stringData));
      return value;
    });
  }
  return found.filter((text) => text !== '');
}

function isSecret(value: unknown): value is { readonly data?: unknown; readonly stringData?: unknown } {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Secret';
}

/** A text in which the secrets of labs are struck out, as they are and as JSON writes them: of the lab that is wanted, and of the one that it takes the place of. */
export function withoutSecrets(text: string, ...specs: readonly string[]): string {
  const forms = specs.flatMap(secretsOf).flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  // One may be a part of another.
  return forms.sort((a, b) => b.length - a.length).reduce((struck, secret) => struck.replaceAll(secret, '[secret]'), text);
}
