/** `${…}` in commands and expectations, filled in from the lab as it runs. */
import { LabError } from '../../topology/errors.ts';
import { nearest } from '../../topology/names.ts';

/** What the names of a lab stand for. */
export type Values = ReadonlyMap<string, string>;

const HOLE = /\$\$|\$\{([^}]*)\}/g;

/**
 * A text with each `${name}` replaced and each `$$` made one dollar sign; other dollar signs are the shell's.
 * @param how what is done to each value: a pattern takes them escaped
 * @throws LabError LESSON_TEMPLATE for a name that the lab does not have
 */
export function fill(text: string, values: Values, how: (value: string) => string = (value) => value): string {
  return text.replaceAll(HOLE, (hole: string, name: string | undefined) => {
    if (name === undefined) return '$';
    const value = values.get(name);
    if (value === undefined) throw unknownName(hole, name, values);
    return how(value);
  });
}

function unknownName(hole: string, name: string, values: Values): LabError {
  const near = nearest(name, [...values.keys()]);
  return new LabError({
    code: 'LESSON_TEMPLATE',
    message: `the lesson asks for ${hole}, and the lab has no such value`,
    hint:
      near === null
        ? `write a place, or one of its values: \${web}, \${node1.mac}, \${svc/web}, \${cluster.dns}; a dollar sign of the shell before { is $$`
        : `did you mean \${${near}}?`,
    details: { name },
  });
}
