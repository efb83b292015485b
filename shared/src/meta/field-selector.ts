import { badRequest } from '../errors/status.ts';

/** Field selectors (apimachinery, fields): `status.phase=Running,spec.nodeName!=board-1`. */
export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  readonly terms: readonly FieldTerm[];
  readonly everything: boolean;
  /** `value` gives the text of a field; a field that is not there counts as empty. */
  matches(value: (field: string) => string): boolean;
  /** The value a field must have, if one term demands it: lets a list by name be a lookup. */
  exactly(field: string): string | undefined;
  toString(): string;
}

const maxLength = 256 * 1024;

/** @throws StatusError BadRequest in Kubernetes' words */
export function parseFieldSelector(text: string): FieldSelector {
  if (text.length > maxLength) throw badRequest(`selector is longer than ${maxLength} characters`);
  const terms = splitTerms(text).map((term) => parseTerm(term, text));
  return {
    terms,
    everything: terms.length === 0,
    matches: (value) => terms.every(({ field, operator, value: wanted }) => (value(field) === wanted) === (operator === '=')),
    exactly: (field) => terms.find((term) => term.field === field && term.operator === '=')?.value,
    toString: () => terms.map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`).join(','),
  };
}

/** What Kubernetes answers for a field the kind cannot be selected by. */
export function unsupportedField(field: string): Error {
  return badRequest(`field label not supported: ${field}`);
}

/** At commas that no backslash hides; what is empty is skipped. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms.filter((term) => term !== '');
}

function parseTerm(term: string, selector: string): FieldTerm {
  const match = /^(.*?)(!=|==|=)([\s\S]*)$/.exec(term);
  if (!match) throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) };
}

function unescapeValue(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '\\') {
      const next = text[++at];
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
      }
      value += next;
    } else if (character === ',' || character === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`);
    } else {
      value += character;
    }
  }
  return value;
}

const escapeValue = (value: string): string => value.replaceAll(/[\\,=]/g, (character) => `\\${character}`);
