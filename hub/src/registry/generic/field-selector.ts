import { badRequest } from '@flotilla/shared/errors/status.js';

export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/**
 * Reads `metadata.name=a,status.phase!=Running` (apimachinery, fields.ParseSelector): `=`, `==` and `!=`, joined by commas; a
 * backslash takes `,`, `=` and itself literally. @throws StatusError BadRequest
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return split(text).map((term) => {
    const found = /^((?:[^\\=!]|\\.|!(?!=))*)(!=|==|=)(.*)$/s.exec(term);
    if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = '', operator, value = ''] = found;
    return { field, equal: operator !== '!=', value: unescape(value) };
  });
}

function split(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') term += character + text.charAt(++at);
    else if (character === ',') {
      terms.push(term);
      term = '';
    } else term += character;
  }
  return [...terms, term].filter((each) => each !== '');
}

function unescape(value: string): string {
  let plain = '';
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '\\') {
      const next = value.charAt(++at);
      if (next !== '\\' && next !== ',' && next !== '=') throw badRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      plain += next;
    } else if (character === '=') {
      // Kubernetes prints the number of the character.
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`);
    } else plain += character;
  }
  return plain;
}
