import { randomBytes, randomUUID } from 'node:crypto';

/** The door to chance. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID. */
  uuid(): string;
  /** Bytes fit for keys and tokens. */
  bytes(length: number): Buffer;
}

export class SystemRandom implements Random {
  next(): number {
    return Math.random();
  }

  uuid(): string {
    return randomUUID();
  }

  bytes(length: number): Buffer {
    return randomBytes(length);
  }
}

/** Repeats itself for the same seed (mulberry32); never use it for keys. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    const hex = this.bytes(16);
    hex[6] = ((hex[6] ?? 0) & 0x0f) | 0x40;
    hex[8] = ((hex[8] ?? 0) & 0x3f) | 0x80;
    const text = hex.toString('hex');
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => Math.floor(this.next() * 256)));
  }
}

// Kubernetes leaves out vowels and look-alikes so that no suffix spells a word (apimachinery, util/rand).
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The random suffix that `generateName` and controllers append. */
export function nameSuffix(random: Random, length = 5): string {
  return Array.from({ length }, () => suffixAlphabet[Math.floor(random.next() * suffixAlphabet.length)]).join('');
}
