/**
 * JSON as Kubernetes reads it: nothing is lost and nothing passes unseen. Integers beyond 2^53 become bigint, a field that
 * comes twice is reported with its path (the last one counts, as in Go), depth is bounded, and `__proto__` is a field like
 * any other, never a prototype. Faults of syntax are worded as Go's encoding/json words them.
 */
export class DecodeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecodeError';
  }
}

export interface Decoded {
  readonly value: unknown;
  /** Paths of fields that came more than once: `spec.replicas`, `spec.containers[0].image`; at most 100. */
  readonly duplicates: readonly string[];
}

export interface DecodeLimits {
  /** Nested objects and lists; 500 unless told. */
  readonly maxDepth?: number;
}

export const defaultMaxDepth = 500;
const maxReported = 100;

/** @throws DecodeError */
export function decodeJson(text: string, limits: DecodeLimits = {}): Decoded {
  const reader = new Reader(text, limits.maxDepth ?? defaultMaxDepth);
  reader.space();
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.fail('after top-level value');
  return { value, duplicates: reader.duplicates };
}

/** Sets a field as Go's map would: also one called `__proto__`. */
export function setField(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

/** `a.b`, `a[0]`: the path of a member. */
export function memberPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

const quote = 34;
const backslash = 92;
const minus = 45;
const zero = 48;
const nine = 57;
const numberPattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Reader {
  readonly text: string;
  readonly maxDepth: number;
  readonly duplicates: string[] = [];
  /** Keys and indexes from the root to where the reader stands. */
  readonly path: (string | number)[] = [];
  at = 0;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.maxDepth = maxDepth;
  }

  space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.at++;
    }
  }

  fail(where: string): never {
    const point = this.text.codePointAt(this.at);
    if (point === undefined) throw new DecodeError('unexpected end of JSON input');
    throw new DecodeError(`invalid character ${quotedCharacter(String.fromCodePoint(point))} ${where}`);
  }

  value(depth: number): unknown {
    const code = this.text.charCodeAt(this.at);
    switch (code) {
      case quote:
        return this.string();
      case 123:
        return this.object(this.deeper(depth));
      case 91:
        return this.list(this.deeper(depth));
      case 116:
        return this.word('true', true);
      case 102:
        return this.word('false', false);
      case 110:
        return this.word('null', null);
      default:
        if (code === minus || (code >= zero && code <= nine)) return this.number();
        return this.fail('looking for beginning of value');
    }
  }

  deeper(depth: number): number {
    if (depth >= this.maxDepth) throw new DecodeError('exceeded max depth');
    return depth + 1;
  }

  object(depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    this.at++;
    this.space();
    if (this.text.charCodeAt(this.at) === 125) {
      this.at++;
      return result;
    }
    for (;;) {
      if (this.text.charCodeAt(this.at) !== quote) this.fail('looking for beginning of object key string');
      const key = this.string();
      this.space();
      if (this.text.charCodeAt(this.at) !== 58) this.fail('after object key');
      this.at++;
      this.space();
      this.path.push(key);
      if (Object.hasOwn(result, key)) {
        this.duplicate();
        // The last one counts, in its place too.
        delete result[key];
      }
      setField(result, key, this.value(depth));
      this.path.pop();
      this.space();
      const code = this.text.charCodeAt(this.at);
      if (code === 125) {
        this.at++;
        return result;
      }
      if (code !== 44) this.fail('after object key:value pair');
      this.at++;
      this.space();
    }
  }

  list(depth: number): unknown[] {
    const result: unknown[] = [];
    this.at++;
    this.space();
    if (this.text.charCodeAt(this.at) === 93) {
      this.at++;
      return result;
    }
    for (;;) {
      this.path.push(result.length);
      result.push(this.value(depth));
      this.path.pop();
      this.space();
      const code = this.text.charCodeAt(this.at);
      if (code === 93) {
        this.at++;
        return result;
      }
      if (code !== 44) this.fail('after array element');
      this.at++;
      this.space();
    }
  }

  duplicate(): void {
    const path = this.path.reduce<string>(memberPath, '');
    if (this.duplicates.length < maxReported && !this.duplicates.includes(path)) this.duplicates.push(path);
  }

  string(): string {
    const start = ++this.at;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === quote) return this.text.slice(start, this.at++);
      if (code === backslash) return this.escapedString(start);
      if (!(code >= 32)) this.fail('in string literal');
      this.at++;
    }
  }

  escapedString(start: number): string {
    let result = this.text.slice(start, this.at);
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined || character < ' ') this.fail('in string literal');
      this.at++;
      if (character === '"') return result.toWellFormed();
      result += character === '\\' ? this.escape() : character;
    }
  }

  escape(): string {
    const character = this.text[this.at] ?? '';
    const plain = Object.hasOwn(escapes, character) ? escapes[character] : undefined;
    if (plain !== undefined) {
      this.at++;
      return plain;
    }
    if (character !== 'u') this.fail('in string escape code');
    this.at++;
    const start = this.at;
    for (; this.at < start + 4; this.at++) {
      if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? '')) this.fail('in \\u hexadecimal character escape');
    }
    return String.fromCharCode(Number.parseInt(this.text.slice(start, this.at), 16));
  }

  number(): number | bigint {
    numberPattern.lastIndex = this.at;
    const match = numberPattern.exec(this.text);
    if (!match) {
      this.at++;
      return this.fail('in numeric literal');
    }
    const [text, fraction, exponent] = match;
    this.at += text.length;
    this.afterNumber(fraction, exponent);
    const value = Number(text);
    if (fraction === undefined && exponent === undefined && !Number.isSafeInteger(value)) return BigInt(text);
    if (!Number.isFinite(value)) throw new DecodeError(`json: cannot unmarshal number ${text} into Go value of type float64`);
    return value === 0 ? 0 : value;
  }

  /** What cannot follow a number, in the words for where it stands. */
  afterNumber(fraction: string | undefined, exponent: string | undefined): void {
    const next = this.text[this.at];
    if (next === '.' && fraction === undefined && exponent === undefined) {
      this.at++;
      this.fail('after decimal point in numeric literal');
    }
    if ((next === 'e' || next === 'E') && exponent === undefined) {
      this.at += /[-+]/.test(this.text[this.at + 1] ?? '') ? 2 : 1;
      this.fail('in exponent of numeric literal');
    }
  }

  word<T>(word: string, value: T): T {
    for (let index = 1; index < word.length; index++) {
      this.at++;
      if (this.text[this.at] !== word[index]) this.fail(`in literal ${word} (expecting '${word[index] ?? ''}')`);
    }
    this.at++;
    return value;
  }
}

function quotedCharacter(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  // Go reads bytes: of what is not ASCII it names the first one.
  const [byte = 0] = new TextEncoder().encode(character);
  return `'${JSON.stringify(String.fromCharCode(byte)).slice(1, -1)}'`;
}
