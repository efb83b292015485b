/** The tokens of a label selector. `in` and `notin` are operators only where an operator may stand. */
export type TokenKind = 'end' | 'identifier' | 'error' | '!' | ',' | '(' | ')' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

export type Position = 'values' | 'operators';

const signs = new Set<string>(['!', ',', '(', ')', '=', '==', '!=', '>', '<']);
const space = /[ \t\r\n]/;
const special = /[=!(),<>]/;

export class Lexer {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  peek(position: Position): Token {
    const start = this.at;
    const token = this.next(position);
    this.at = start;
    return token;
  }

  next(position: Position): Token {
    const token = this.scan();
    const word = token.kind === 'in' || token.kind === 'notin';
    return word && position === 'values' ? { kind: 'identifier', text: token.text } : token;
  }

  scan(): Token {
    while (space.test(this.text[this.at] ?? '')) this.at++;
    const start = this.at;
    if (start >= this.text.length) return { kind: 'end', text: '' };
    if (special.test(this.text[start] ?? '')) {
      const two = this.text.slice(start, start + 2);
      const sign = signs.has(two) ? two : two.slice(0, 1);
      this.at += sign.length;
      return { kind: sign as TokenKind, text: sign };
    }
    while (this.at < this.text.length && !space.test(this.text[this.at] ?? '') && !special.test(this.text[this.at] ?? '')) this.at++;
    const word = this.text.slice(start, this.at);
    return { kind: word === 'in' || word === 'notin' ? word : 'identifier', text: word };
  }
}
