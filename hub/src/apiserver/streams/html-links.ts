import { Transform } from 'node:stream';

/** Where pages name other pages (apimachinery, `proxy.Transport`). */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** What stands in these is text up to their own end. */
const rawElements: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title']);
/** A tag or comment that is longer passes as it is. */
const maxTagBytes = 16 * 1024;
const tag = /^<([a-z][a-z0-9]*)/i;
/** Bounds in it, for it must not look at a long run of letters from each of them. */
const attribute = /([^\s"'<>/=]{1,64})(\s{0,8}=\s{0,8})(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))/g;

/** Changes the links of a page that passes through; all else stays as it is, byte for byte. */
export class HtmlLinks extends Transform {
  readonly #rewrite: (link: string) => string;
  #rest = '';
  /** The element whose text goes on until its end tag. */
  #raw: string | undefined;

  constructor(rewrite: (link: string) => string) {
    super();
    this.#rewrite = rewrite;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#rest += chunk.toString('latin1');
    this.#pass(false);
    done();
  }

  override _flush(done: (error?: Error | null) => void): void {
    this.#pass(true);
    done();
  }

  #pass(last: boolean): void {
    let out = '';
    let at = 0;
    while (at < this.#rest.length) {
      const begin = this.#rest.indexOf('<', at);
      if (begin < 0) break;
      out += this.#rest.slice(at, begin);
      at = begin;
      const end = this.#endOf(begin);
      if (end === undefined) {
        if (this.#rest.length - begin < maxTagBytes && !last) break;
        out += '<';
        at = begin + 1;
      } else {
        out += this.#changed(this.#rest.slice(begin, end));
        at = end;
      }
    }
    const keepsFrom = this.#rest.indexOf('<', at);
    const upTo = last || keepsFrom < 0 ? this.#rest.length : keepsFrom;
    out += this.#rest.slice(at, upTo);
    this.#rest = this.#rest.slice(upTo);
    if (out !== '') this.push(Buffer.from(out, 'latin1'));
  }

  /** Where what begins with this `<` ends; undefined while that has not come. */
  #endOf(begin: number): number | undefined {
    const text = this.#rest;
    if (this.#raw !== undefined) {
      const word = `</${this.#raw}`;
      if (text.length - begin < word.length) return word.startsWith(text.slice(begin).toLowerCase()) ? undefined : begin + 1;
      if (text.slice(begin, begin + word.length).toLowerCase() !== word) return begin + 1;
    }
    if (text.length - begin < 4) return undefined;
    if (text.startsWith('<!--', begin)) {
      const end = text.indexOf('-->', begin + 4);
      return end < 0 ? undefined : end + 3;
    }
    if (!/[a-z/!?]/i.test(text.charAt(begin + 1))) return begin + 1;
    let quote = '';
    for (let at = begin + 1; at < text.length; at++) {
      const letter = text.charAt(at);
      if (quote) quote = letter === quote ? '' : quote;
      else if ((letter === '"' || letter === "'") && /=\s*$/.test(text.slice(Math.max(begin, at - 8), at))) quote = letter;
      else if (letter === '>') return at + 1;
      else if (letter === '<') return begin + 1;
    }
    return undefined;
  }

  #changed(text: string): string {
    if (this.#raw !== undefined) {
      if (text.length > 1) this.#raw = undefined;
      return text;
    }
    const name = tag.exec(text)?.[1]?.toLowerCase();
    if (name === undefined) return text;
    if (rawElements.has(name)) this.#raw = name;
    const links = linkAttributes[name];
    if (!links) return text;
    return text.replace(attribute, (whole: string, key: string, equals: string, double?: string, single?: string, bare?: string) => {
      if (!links.includes(key.toLowerCase())) return whole;
      const link = double ?? single ?? bare ?? '';
      const quote = double !== undefined ? '"' : single !== undefined ? "'" : '';
      return `${key}${equals}${quote}${this.#rewrite(link)}${quote}`;
    });
  }
}
