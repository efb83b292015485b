import type { LabelSelector } from './object.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/**
 * The meaning of a `metav1.LabelSelector` as a function of labels. An absent selector selects nothing, an empty one everything
 * (apimachinery, LabelSelectorAsSelector). @throws Error on an operator that validation would have refused
 */
export function compileLabelSelector(selector: LabelSelector | undefined): (labels: Labels) => boolean {
  if (!selector) return () => false;
  const tests = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): ((labels: Labels) => boolean) =>
      (labels) =>
        labels?.[key] === value,
  );
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) tests.push(expression(key, operator, values));
  return (labels) => tests.every((test) => test(labels));
}

function expression(key: string, operator: string, values: readonly string[]): (labels: Labels) => boolean {
  const value = (labels: Labels): string | undefined => (labels && Object.hasOwn(labels, key) ? labels[key] : undefined);
  switch (operator) {
    case 'In':
      return (labels) => values.includes(value(labels) ?? '\0');
    case 'NotIn':
      return (labels) => !values.includes(value(labels) ?? '\0');
    case 'Exists':
      return (labels) => value(labels) !== undefined;
    case 'DoesNotExist':
      return (labels) => value(labels) === undefined;
    default:
      throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
}
