import { linkLimits } from './limits.ts';
import type { Generation } from './messages.ts';
import { ProtocolError } from './protocol-error.ts';

/** Reads the fields of a message that came over the wire; what is not as it must be throws `Malformed` with the field's name. */
export class Shape {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #of: string;

  constructor(of: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('Malformed', `${of} is not an object`);
    this.#fields = value as Record<string, unknown>;
    this.#of = of;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string, maxBytes: number = linkLimits.textBytes): string {
    const value = this.#fields[name];
    if (typeof value !== 'string' || value.length > maxBytes) throw this.#wrong(name, `a string of at most ${maxBytes} characters`);
    return value;
  }

  optionalText(name: string, maxBytes?: number): string | undefined {
    return this.has(name) ? this.text(name, maxBytes) : undefined;
  }

  /** A whole number that JSON carries exactly. */
  integer(name: string, least = 0): number {
    const value = this.#fields[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
      throw this.#wrong(name, `an integer of at least ${least}`);
    return value;
  }

  optionalInteger(name: string, least?: number): number | undefined {
    return this.has(name) ? this.integer(name, least) : undefined;
  }

  boolean(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  list(name: string, most: number): readonly unknown[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length > most) throw this.#wrong(name, `a list of at most ${most} items`);
    return value;
  }

  object(name: string): Readonly<Record<string, unknown>> {
    const value = this.#fields[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong(name, 'an object');
    return value as Record<string, unknown>;
  }

  nested(name: string): Shape {
    return new Shape(`${this.#of}.${name}`, this.#fields[name]);
  }

  generation(name: string): Generation | undefined {
    if (!this.has(name)) return undefined;
    const shape = this.nested(name);
    return { epoch: shape.integer('epoch'), revision: shape.integer('revision'), digest: shape.text('digest') };
  }

  /** For faults that only the caller can see. */
  fault(message: string): ProtocolError {
    return new ProtocolError('Malformed', message);
  }

  #wrong(name: string, expected: string): ProtocolError {
    return new ProtocolError('Malformed', `${this.#of}.${name} is not ${expected}`);
  }
}
