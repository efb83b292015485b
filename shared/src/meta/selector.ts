import { badRequest } from '../errors/status.ts';
import { labelKeyFaults, labelValueFaults } from './label-rules.ts';
import type { LabelSelector } from './object.ts';
import { Lexer } from './selector-lexer.ts';

/** Label selectors (apimachinery, labels): the text of `?labelSelector=` and the `LabelSelector` of objects. */
export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>> | undefined;

export interface Selector {
  readonly requirements: readonly Requirement[];
  /** Selects every object. */
  readonly everything: boolean;
  /** Selects none, whatever its labels: what is left out where a selector is needed. */
  readonly nothing: boolean;
  matches(labels: Labels): boolean;
  /** The text Kubernetes writes for it: sorted by key. */
  toString(): string;
}

const maxLength = 256 * 1024;

/** @throws StatusError BadRequest in Kubernetes' words */
export function parseLabelSelector(text: string): Selector {
  if (text.length > maxLength) throw badRequest(`selector is longer than ${maxLength} characters`);
  return selectorOf(new Parser(text).parse());
}

/** Undefined selects nothing, an empty selector everything. @throws StatusError BadRequest */
export function labelSelector(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return nothing;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => checked(key, '=', [value]));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = objectOperators.get(operator);
    if (!known) throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checked(key, known, values));
  }
  return selectorOf(requirements);
}

/** The selector of a plain map, as in nodeSelector or a ReplicationController. */
export function labelsSelector(labels: Readonly<Record<string, string>>): Selector {
  return selectorOf(Object.entries(labels).map(([key, value]) => ({ key, operator: '=', values: [value] })));
}

const objectOperators = new Map<string, Operator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

const nothing: Selector = { requirements: [], everything: false, nothing: true, matches: () => false, toString: () => '' };

function selectorOf(requirements: readonly Requirement[]): Selector {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements: sorted,
    everything: sorted.length === 0,
    nothing: false,
    matches: (labels) => sorted.every((requirement) => meets(requirement, labels)),
    toString: () => sorted.map(written).join(','),
  };
}

/** Whether labels meet one requirement; also used for the terms of node affinity. */
function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      return value !== undefined && compares(value, operator, values[0] ?? '');
  }
}

function compares(value: string, operator: 'gt' | 'lt', bound: string): boolean {
  if (!integer.test(value) || !integer.test(bound)) return false;
  return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

const integer = /^-?\d{1,19}$/;

function written({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.length === 1 && values[0] === '' ? ',' : [...values].sort().join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(',')}]`;
}

function checked(key: string, operator: Operator, values: readonly string[]): Requirement {
  const faults: string[] = [];
  const keyFaults = labelKeyFaults(key);
  if (keyFaults.length > 0) faults.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyFaults.join('; ')}`);
  const amount = amountFault(operator, values);
  if (amount) faults.push(`values: Invalid value: ${quoted(values)}: ${amount}`);
  if ((operator === 'gt' || operator === 'lt') && values.length === 1 && !integer.test(values[0] ?? '')) {
    faults.push(`values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`);
  }
  values.forEach((value, index) => {
    const valueFaults = labelValueFaults(value);
    if (valueFaults.length > 0) faults.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${valueFaults.join('; ')}`);
  });
  if (faults.length > 0) throw badRequest(faults.length === 1 ? (faults[0] ?? '') : `[${faults.join(', ')}]`);
  return { key, operator, values };
}

function amountFault(operator: Operator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case 'exists':
    case '!':
      return values.length > 0 ? 'values set must be empty for exists and does not exist' : undefined;
    case 'gt':
    case 'lt':
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
    default:
      return values.length === 1 ? undefined : 'exact-match compatibility requires one single value';
  }
}

const binaryOperators = 'in, notin, =, ==, !=, gt, lt';
const symbols = new Map<string, Operator>([
  ['in', 'in'],
  ['notin', 'notin'],
  ['=', '='],
  ['==', '=='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);

class Parser {
  readonly lexer: Lexer;

  constructor(text: string) {
    this.lexer = new Lexer(text);
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const { kind, text } = this.lexer.peek('values');
      if (kind === 'end') return requirements;
      if (kind !== 'identifier' && kind !== '!') throw badRequest(`found '${text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.guardedRequirement());
      const next = this.lexer.next('values');
      if (next.kind === 'end') return requirements;
      if (next.kind !== ',') throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.lexer.peek('values');
      if (after.kind !== 'identifier' && after.kind !== '!') throw badRequest(`found '${after.text}', expected: identifier after ','`);
    }
  }

  guardedRequirement(): Requirement {
    try {
      return this.requirement();
    } catch (error) {
      throw badRequest(`unable to parse requirement: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  requirement(): Requirement {
    let token = this.lexer.next('values');
    const negated = token.kind === '!';
    if (negated) token = this.lexer.next('values');
    if (token.kind !== 'identifier') throw badRequest(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const faults = labelKeyFaults(key);
    if (faults.length > 0) throw badRequest(`<nil>: Invalid value: ${JSON.stringify(key)}: ${faults.join('; ')}`);
    if (negated) return checked(key, '!', []);
    const { kind } = this.lexer.peek('values');
    if (kind === 'end' || kind === ',') return checked(key, 'exists', []);
    const sign = this.lexer.next('operators');
    const operator = symbols.get(sign.kind);
    if (!operator) throw badRequest(`found '${sign.text}', expected: ${binaryOperators}`);
    const values = operator === 'in' || operator === 'notin' ? this.valueSet() : [this.exactValue()];
    return checked(key, operator, [...new Set(values)].sort());
  }

  exactValue(): string {
    const { kind } = this.lexer.peek('values');
    if (kind === 'end' || kind === ',') return '';
    const token = this.lexer.next('values');
    if (token.kind !== 'identifier') throw badRequest(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  valueSet(): string[] {
    const open = this.lexer.next('values');
    if (open.kind !== '(') throw badRequest(`found '${open.text}' expected: '('`);
    const first = this.lexer.peek('values');
    if (first.kind === ')') {
      this.lexer.next('values');
      // Nothing between the brackets is the empty value, as in Kubernetes.
      return [''];
    }
    if (first.kind !== 'identifier' && first.kind !== ',') throw badRequest(`found '${first.text}', expected: ',', ')' or identifier`);
    const values: string[] = [];
    for (;;) {
      const token = this.lexer.peek('values');
      values.push(token.kind === 'identifier' ? this.lexer.next('values').text : '');
      const separator = this.lexer.next('values');
      if (separator.kind === ')') return values;
      if (separator.kind !== ',') throw badRequest(`found '${separator.text}', expected: ',' or ')'`);
    }
  }
}
