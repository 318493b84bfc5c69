import { plainJson } from '../constructs/plain-json.ts';

export type PickedLab = { readonly ok: true; readonly input: unknown } | { readonly ok: false; readonly message: string; readonly hint: string };

/** A Lab construct, from this installation of the package or another: by what it can do, not by its class. */
const isLab = (value: unknown): value is { toSpec(): unknown } =>
  typeof value === 'object' && value !== null && typeof (value as { toSpec?: unknown }).toSpec === 'function' && 'node' in value;

const isPlainObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const HINT = 'write `export default lab`, where lab is a Lab, a plain lab object, or a function that returns one';

/**
 * The lab that a module exports: its default export, or the export named `lab`.
 *
 * @throws what the lab's function, promise or constructs throw
 */
export async function pickLab(exports: Readonly<Record<string, unknown>>): Promise<PickedLab> {
  const chosen = ['default', 'lab'].filter((name) => exports[name] !== undefined);
  const others = Object.keys(exports).filter((name) => !chosen.includes(name) && isLab(exports[name]));
  if (chosen.length === 2 && exports['default'] !== exports['lab']) {
    return { ok: false, message: 'exports two labs: by default, and as `lab`', hint: 'a file holds one lab: keep one of the two exports' };
  }
  const name = chosen[0];
  if (name === undefined) {
    if (others.length > 1)
      return {
        ok: false,
        message: `exports several labs (${others.join(', ')}) and none by default`,
        hint: 'a file holds one lab: put each in its own file, or export one by default',
      };
    return others.length === 1
      ? { ok: false, message: `exports a lab under the name ${others[0]} only`, hint: `write \`export default ${others[0]}\`` }
      : { ok: false, message: 'exports no lab', hint: HINT };
  }
  const exported = exports[name];
  const value: unknown = await (typeof exported === 'function' ? (exported as () => unknown)() : exported);
  if (isLab(value)) return { ok: true, input: value.toSpec() };
  const where = name === 'default' ? 'default export' : 'export `lab`';
  if (!isPlainObject(value)) return { ok: false, message: `its ${where} is ${kindOf(value)}, not a lab`, hint: HINT };
  const labs = Object.keys(value).filter((key) => isLab((value as Record<string, unknown>)[key]));
  if (labs.length > 0)
    return {
      ok: false,
      message: `its ${where} holds several things, among them the labs ${labs.join(', ')}`,
      hint: 'a file holds one lab: export that by default',
    };
  return { ok: true, input: plainJson(value) };
}
