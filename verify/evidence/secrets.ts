/** Takes what must stay secret out of documents before they are handed on. Pure. */
import { isAddressText, isSecretFlag, namesSecret, REMOVED, textWithoutSecrets } from '../../topology/secrets.ts';

/** The same document without the values of fields and environment variables whose names tell of secrets, and without what Secret objects hold. */
export function documentWithoutSecrets(value: unknown): unknown {
  // A flag and its value may be two words of a command.
  if (Array.isArray(value)) return value.map((one, at) => (isSecretFlag(String(value[at - 1])) ? hidden(one) : documentWithoutSecrets(one)));
  if (typeof value === 'string') return jsonWithoutSecrets(value) ?? textWithoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Readonly<Record<string, unknown>>;
  const isSecret = fields['kind'] === 'Secret';
  // { name: 'DB_PASSWORD', value: 'x' }
  const isNamed = typeof fields['name'] === 'string' && namesSecret(fields['name']);
  return Object.fromEntries(
    Object.entries(fields).map(([key, own]) => {
      if (isSecret && (key === 'data' || key === 'stringData')) return [key, emptied(own)];
      return [key, namesSecret(key) || (key === 'value' && isNamed) ? hidden(own) : documentWithoutSecrets(own)];
    }),
  );
}

/** A value, or a list of values, that is secret by its name; an object beside such a name tells where a secret is, and numbers for how long. */
function hidden(value: unknown): unknown {
  if (typeof value === 'string') return isAddressText(value) ? value : REMOVED;
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value.map(hidden) : documentWithoutSecrets(value);
}

/** A document inside of a text, as kubectl keeps the last one that was applied; null for what is none. */
function jsonWithoutSecrets(text: string): string | null {
  if (!/^\s*[{[]/.test(text)) return null;
  try {
    return JSON.stringify(documentWithoutSecrets(JSON.parse(text)));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function emptied(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.keys(value).map((key) => [key, REMOVED])) : REMOVED;
}
