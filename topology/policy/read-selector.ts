import { problem, type Path } from '../rules/findings.ts';
import { labelKeyProblem, labelValueProblem } from '../rules/labels.ts';
import type { LabelRequirement, LabelSelector } from './model.ts';
import { readList, readObject, readTexts, type Found } from './read-fields.ts';

const OPERATORS: readonly LabelRequirement['operator'][] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function checkKey(key: string, path: Path, found: Found): void {
  const bad = labelKeyProblem(key);
  if (bad !== null)
    found.push(
      problem('LABEL_INVALID', path, `the label key ${JSON.stringify(key)} is refused by Kubernetes: ${bad}`, 'use a key like app or example.com/tier'),
    );
}

function checkValue(value: string, path: Path, found: Found): void {
  const bad = labelValueProblem(value);
  if (bad !== null)
    found.push(problem('LABEL_INVALID', path, `the label value ${JSON.stringify(value)} is refused by Kubernetes: ${bad}`, 'use a value like web or v1.2'));
}

function readLabels(value: unknown, path: Path, found: Found): LabelSelector {
  if (value === undefined || value === null) return [];
  const labels = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : null;
  if (labels === null) {
    found.push(problem('POLICY_FIELD', path, 'matchLabels is not an object of labels', 'write labels, like app: web'));
    return [];
  }
  return labels.flatMap(([key, text]: [string, unknown]) => {
    const at = [...path, key];
    checkKey(key, at, found);
    if (typeof text !== 'string') {
      found.push(
        problem('POLICY_FIELD', at, `the value of label ${key} is ${JSON.stringify(text)}, not a text`, `put it in quotation marks: "${String(text)}"`),
      );
      return [];
    }
    checkValue(text, at, found);
    return [{ key, operator: 'In', values: [text] } as const];
  });
}

function readExpression(value: unknown, path: Path, found: Found): LabelSelector {
  const expression = readObject(value, ['key', 'operator', 'values'], path, found);
  const key = expression['key'];
  const operator = OPERATORS.find((known) => known === expression['operator']);
  if (typeof key === 'string' && key !== '') checkKey(key, [...path, 'key'], found);
  else found.push(problem('POLICY_SELECTOR', [...path, 'key'], 'an expression without a label key', 'name the label, like key: app'));
  if (operator === undefined)
    found.push(
      problem(
        'POLICY_SELECTOR',
        [...path, 'operator'],
        `${JSON.stringify(expression['operator'])} is not an operator of label selectors`,
        `use ${OPERATORS.join(', ')}`,
      ),
    );
  const values = readTexts(expression['values'], [...path, 'values'], found);
  if (typeof key !== 'string' || operator === undefined) return [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      found.push(
        problem(
          'POLICY_SELECTOR',
          [...path, 'values'],
          `values must be given when the operator is ${operator}`,
          'list the values, or use Exists or DoesNotExist',
        ),
      );
    for (const { text, path: at } of values) checkValue(text, at, found);
  } else if (values.length > 0) {
    found.push(
      problem('POLICY_SELECTOR', [...path, 'values'], `values may not be given when the operator is ${operator}`, 'leave values out, or use In or NotIn'),
    );
  }
  return [{ key, operator, values: values.map((v) => v.text) }];
}

/** A label selector (meta/v1 LabelSelector): its labels and expressions, all of which must hold. Absent: empty, which selects everything. */
export function readSelector(value: unknown, path: Path, found: Found): LabelSelector {
  const selector = readObject(value, ['matchLabels', 'matchExpressions'], path, found);
  return [
    ...readLabels(selector['matchLabels'], [...path, 'matchLabels'], found),
    ...readList(selector['matchExpressions'], [...path, 'matchExpressions'], found).flatMap(({ item, path: at }) => readExpression(item, at, found)),
  ];
}
