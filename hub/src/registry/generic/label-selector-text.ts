import { badRequest } from '@flotilla/shared/errors/status.js';
import { labelValueFaults, qualifiedName } from '#registry/validation/names.ts';

type Labels = Readonly<Record<string, string>>;
type Test = (labels: Labels) => boolean;

const symbols = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];
const binaryOperators = 'in, notin, =, ==, !=, gt, lt';
/** What ends the text; no token is empty. */
const end = '';

/**
 * Reads the selector of a URL or of `kubectl -l`: `app=web,tier in (a,b),!canary` (apimachinery, labels.Parse).
 * @throws StatusError BadRequest
 */
export function parseLabelSelector(text: string): Test {
  const tests = new LabelSelectorParser(text).parse();
  return (labels) => tests.every((test) => test(labels));
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text.charAt(at);
    if (/\s/.test(character)) {
      at++;
      continue;
    }
    const symbol = symbols.find((each) => text.startsWith(each, at));
    const token = symbol ?? /^[^\s=!(),<>]+/.exec(text.slice(at))?.[0] ?? character;
    tokens.push(token);
    at += token.length;
  }
  return tokens;
}

class LabelSelectorParser {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): Test[] {
    const tests: Test[] = [];
    while (this.#next() !== end) {
      if (!isIdentifier(this.#next()) && this.#next() !== '!') throw this.#expected("!, identifier, or 'end of string'");
      tests.push(this.#requirement());
      const separator = this.#take();
      if (separator === end) break;
      if (separator !== ',') throw this.#expected("',' or 'end of string'", separator);
      if (!isIdentifier(this.#next()) && this.#next() !== '!') throw this.#expected("identifier after ','");
    }
    return tests;
  }

  #requirement(): Test {
    const negated = this.#next() === '!';
    if (negated) this.#take();
    const key = this.#take();
    if (!isIdentifier(key)) throw this.#inRequirement(`found '${key}', expected: identifier`);
    const faults = qualifiedName(key);
    if (faults.length > 0) throw this.#inRequirement(`<nil>: Invalid value: ${JSON.stringify(key)}: ${faults.join('; ')}`);
    const valueOf = (labels: Labels): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
    if (negated) return (labels) => valueOf(labels) === undefined;
    if (this.#next() === end || this.#next() === ',') return (labels) => valueOf(labels) !== undefined;
    const operator = this.#take();
    if (operator === 'in' || operator === 'notin') {
      const values = this.#values(key);
      return (labels) => values.has(valueOf(labels) ?? '\0') === (operator === 'in');
    }
    if (operator === '=' || operator === '==' || operator === '!=') {
      const value = this.#checked(key, this.#value());
      return (labels) => (valueOf(labels) === value) === (operator !== '!=');
    }
    if (operator !== '>' && operator !== '<') throw this.#inRequirement(`found '${operator}', expected: ${binaryOperators}`);
    return this.#comparison(valueOf, operator, this.#value());
  }

  #comparison(valueOf: (labels: Labels) => string | undefined, operator: '>' | '<', text: string): Test {
    if (!isInteger(text)) {
      throw this.#inRequirement(
        `values[0][]: Invalid value: ${JSON.stringify(text)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
    const bound = Number(text);
    return (labels) => {
      const value = valueOf(labels);
      if (value === undefined || !isInteger(value)) return false;
      return operator === '>' ? Number(value) > bound : Number(value) < bound;
    };
  }

  #value(): string {
    if (this.#next() === end || this.#next() === ',') return '';
    const value = this.#take();
    if (!isIdentifier(value)) throw this.#inRequirement(`found '${value}', expected: identifier`);
    return value;
  }

  #values(key: string): Set<string> {
    const open = this.#take();
    if (open !== '(') throw this.#inRequirement(`found '${open}' expected: '('`);
    const values = new Set<string>();
    let item = '';
    for (;;) {
      const token = this.#take();
      if (token === ',' || token === ')') {
        values.add(this.#checked(key, item));
        item = '';
        if (token === ')') return values;
      } else if (!isIdentifier(token)) throw this.#inRequirement(`found '${token}', expected: ',', or identifier`);
      else if (item) throw this.#inRequirement(`found '${token}', expected: ',' or ')'`);
      else item = token;
    }
  }

  #checked(key: string, value: string): string {
    const faults = labelValueFaults(value);
    if (faults.length > 0) throw this.#inRequirement(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${faults.join('; ')}`);
    return value;
  }

  #next(): string {
    return this.#tokens[this.#at] ?? end;
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? end;
  }

  #expected(what: string, found = this.#next()) {
    return badRequest(`found '${found}', expected: ${what}`);
  }

  #inRequirement(why: string) {
    return badRequest(`unable to parse requirement: ${why}`);
  }
}

function isIdentifier(token: string): boolean {
  return token !== end && !symbols.includes(token);
}

function isInteger(text: string): boolean {
  return /^[+-]?[0-9]+$/.test(text);
}
