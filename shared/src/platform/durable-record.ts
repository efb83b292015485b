import { createHash } from 'node:crypto';
import type { Files } from './files.ts';

export interface DurableRecordOptions {
  /** Permission bits of the files; 0o600 by default. */
  readonly mode?: number;
}

interface Slot {
  readonly counter: number;
  readonly body: string;
}

const magic = 'flotilla-record/1';

/**
 * One JSON value that survives power cuts and a damaged sector: two files, `PATH.0` and `PATH.1`, written in turn, each with a counter
 * and a checksum. Reading takes the newest that is whole, so a bad one costs one generation and not the state.
 *
 * INVARIANTS: a write never touches the file that holds the newest whole value; writes run one after another, in call order.
 */
export class DurableRecord<Value> {
  readonly #files: Files;
  readonly #path: string;
  readonly #mode: number;
  #newest: { counter: number; slot: 0 | 1 } | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(files: Files, path: string, options: DurableRecordOptions = {}) {
    this.#files = files;
    this.#path = path;
    this.#mode = options.mode ?? 0o600;
  }

  /** The newest whole value; `damaged` tells that a newer or older file did not match its checksum. */
  read(): Promise<{ readonly value: Value | undefined; readonly damaged: boolean }> {
    return this.#inTurn(async () => {
      const { whole, damaged } = await this.#look();
      return { value: whole[0] && (JSON.parse(whole[0].body) as Value), damaged };
    });
  }

  /** All whole values, the newest first: for one who sees for himself whether the newest is any good. */
  readAll(): Promise<{ readonly values: readonly Value[]; readonly damaged: boolean }> {
    return this.#inTurn(async () => {
      const { whole, damaged } = await this.#look();
      return { values: whole.map(({ body }) => JSON.parse(body) as Value), damaged };
    });
  }

  /** Resolves when the value survives a power cut. */
  write(value: Value): Promise<void> {
    const body = JSON.stringify(value);
    return this.#inTurn(async () => {
      if (!this.#newest) await this.#look();
      const last = this.#newest ?? { counter: 0, slot: 1 };
      const slot = last.slot === 0 ? 1 : 0;
      const counter = last.counter + 1;
      const text = `${magic} ${counter} ${checksum(counter, body)}\n${body}`;
      await this.#files.writeAtomic(this.#file(slot), text, { mode: this.#mode });
      this.#newest = { counter, slot };
    });
  }

  /** Removes both files. */
  remove(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#files.remove(this.#file(0));
      await this.#files.remove(this.#file(1));
      this.#newest = undefined;
    });
  }

  async #look(): Promise<{ whole: readonly Slot[]; damaged: boolean }> {
    const whole: (Slot & { slot: 0 | 1 })[] = [];
    let damaged = false;
    for (const slot of [0, 1] as const) {
      const text = await this.#files.readText(this.#file(slot));
      if (text === undefined) continue;
      const found = parse(text);
      if (!found) damaged = true;
      else whole.push({ ...found, slot });
    }
    whole.sort((a, b) => b.counter - a.counter);
    this.#newest = whole[0] && { counter: whole[0].counter, slot: whole[0].slot };
    return { whole, damaged };
  }

  #file(slot: 0 | 1): string {
    return `${this.#path}.${slot}`;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }
}

function parse(text: string): Slot | undefined {
  const end = text.indexOf('\n');
  const [head, counterText, sum] = text.slice(0, Math.max(0, end)).split(' ');
  const counter = Number(counterText);
  const body = text.slice(end + 1);
  if (head !== magic || !Number.isSafeInteger(counter) || sum !== checksum(counter, body)) return undefined;
  return { counter, body };
}

function checksum(counter: number, body: string): string {
  return createHash('sha256').update(`${counter}\n`).update(body).digest('hex');
}
