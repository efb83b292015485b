import type { NodeSelectorRequirement, NodeSelectorTerm } from '@flotilla/shared/api/generated/types.js';
import type { NodeInfo } from '../cache/node-info.ts';

export type NodeMatch = (node: NodeInfo) => boolean;

/** One term of a node selector: all of its expressions. A term without any matches nothing. @throws Error on an unknown operator */
export function compileTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): NodeMatch {
  const tests = [
    ...matchExpressions.map((requirement) => {
      const test = compileRequirement(requirement);
      return (node: NodeInfo): boolean => test(Object.hasOwn(node.labels, requirement.key) ? node.labels[requirement.key] : undefined);
    }),
    ...matchFields.map((requirement) => {
      const test = compileRequirement(requirement);
      return (node: NodeInfo): boolean => requirement.key === 'metadata.name' && test(node.name);
    }),
  ];
  if (tests.length === 0) return () => false;
  return (node) => {
    for (const test of tests) if (!test(node)) return false;
    return true;
  };
}

/** The names a term restricts itself to by `metadata.name In […]`, if it does. */
export function namesOf({ matchFields = [] }: NodeSelectorTerm): readonly string[] | undefined {
  return matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')?.values;
}

function compileRequirement({ operator, values = [] }: NodeSelectorRequirement): (value: string | undefined) => boolean {
  const number = Number.parseInt(values[0] ?? '', 10);
  switch (operator) {
    case 'In':
      return (value) => value !== undefined && values.includes(value);
    case 'NotIn':
      return (value) => value === undefined || !values.includes(value);
    case 'Exists':
      return (value) => value !== undefined;
    case 'DoesNotExist':
      return (value) => value === undefined;
    case 'Gt':
      return (value) => value !== undefined && /^-?\d+$/.test(value) && Number(value) > number;
    case 'Lt':
      return (value) => value !== undefined && /^-?\d+$/.test(value) && Number(value) < number;
    default:
      throw new Error(`${JSON.stringify(operator)} is not a valid node selector operator`);
  }
}
