/** The fields of an object as the API has them: one that it does not have is an error, as `kubectl apply` has it (strict field validation). */
import type { Diagnostic } from '../diagnostic.ts';
import { recordOf } from '../json.ts';
import { nearest } from '../names.ts';
import { nameOf } from '../policy/read-fields.ts';
import { problem, type Path } from './findings.ts';
import { labelKeyProblem, labelValueProblem } from './labels.ts';

/** What a field holds: a list of one shape, an object with these fields, labels, or a value. any: whatever it is, somebody else looks at it. */
export type Shape = keyof typeof VALUES | 'any' | 'labels' | readonly [Shape] | { readonly [field: string]: Shape };

const VALUES = {
  text: { is: (value: unknown): boolean => typeof value === 'string', must: 'must be a text', hint: 'put it in quotation marks' },
  whole: { is: (value: unknown): boolean => Number.isInteger(value), must: 'must be a whole number', hint: 'write digits, without quotation marks' },
  flag: { is: (value: unknown): boolean => typeof value === 'boolean', must: 'must be true or false', hint: 'write true or false, without quotation marks' },
} as const;

/**
 * What in an object is not of its shape: fields that are unknown, and values of another type. What is absent, or null, is fine.
 *
 * @param what `Service shop/web`
 * @param path where the object stands in the lab
 */
export function fieldProblems(code: string, what: string, value: unknown, shape: Shape, path: Path): readonly Diagnostic[] {
  if (value === undefined || value === null || shape === 'any') return [];
  const wrong = (must: string, hint: string, is = `, not ${nameOf(value)}`): readonly Diagnostic[] => [
    problem(code, path, `${what}: Invalid value: ${JSON.stringify(value)}: ${String(path.at(-1))} ${must}${is}`, hint),
  ];
  if (typeof shape === 'string' && shape !== 'labels') {
    const { is, must, hint } = VALUES[shape];
    return is(value) ? [] : wrong(must, hint, shape === 'whole' && typeof value === 'number' ? '' : `, not ${nameOf(value)}`);
  }
  if (isList(shape)) {
    return Array.isArray(value)
      ? value.flatMap((item: unknown, i) => fieldProblems(code, what, item, shape[0], [...path, i]))
      : wrong('must be a list', 'write a list: each item behind a "-"');
  }
  if (typeof value !== 'object' || Array.isArray(value)) return wrong('must be an object', 'write field: value');
  if (shape === 'labels') return Object.entries(value).flatMap(([key, text]: [string, unknown]) => label(code, what, key, text, [...path, key]));
  const known = Object.keys(shape);
  return Object.entries(recordOf(value)).flatMap(([field, held]) => {
    const of = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (of !== undefined) return fieldProblems(code, what, held, of, [...path, field]);
    const near = nearest(field, known);
    const hint = near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
    return [problem(code, [...path, field], `${what}: there is no field ${JSON.stringify(field)} here`, hint)];
  });
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function label(code: string, what: string, key: string, text: unknown, path: Path): readonly Diagnostic[] {
  if (typeof text !== 'string')
    return [
      problem(
        code,
        path,
        `${what}: Invalid value: ${JSON.stringify(text)}: the value of label ${key} must be a text, not ${nameOf(text)}`,
        `put it in quotation marks: "${String(text)}"`,
      ),
    ];
  const badKey = labelKeyProblem(key);
  const badValue = labelValueProblem(text);
  return [
    ...(badKey === null
      ? []
      : [problem('LABEL_INVALID', path, `${what}: label key ${JSON.stringify(key)}: ${badKey}`, 'use a key like app or example.com/tier')]),
    ...(badValue === null ? [] : [problem('LABEL_INVALID', path, `${what}: label value ${JSON.stringify(text)}: ${badValue}`, 'use a value like web or v1.2')]),
  ];
}
