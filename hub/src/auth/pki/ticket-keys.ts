import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { PkiFiles } from './key-store.ts';

/** With what servers seal TLS sessions, so that a client may go on with one after a restart of the hub. For `tls.createServer`. */
export interface SessionKeys {
  readonly ticketKeys: Buffer;
  /** Seconds. */
  readonly sessionTimeout: number;
  readonly sessionIdContext: string;
}

export interface TicketKeysOptions {
  readonly files: PkiFiles;
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
}

const lifeMs = 24 * 3_600_000;
const ticketKeyBytes = 48;

/**
 * The key that seals session tickets: a new one every day that the hub runs, and at a start when the one on disk is not of the last
 * day. Who comes with a ticket of the key before makes a full handshake, and nothing else happens.
 */
export class TicketKeys {
  readonly #options: TicketKeysOptions;
  #key: Buffer;
  #sinceMs: number;

  private constructor(options: TicketKeysOptions, key: Buffer) {
    this.#options = options;
    this.#key = key;
    this.#sinceMs = options.clock.monotonicMs();
  }

  static async open(options: TicketKeysOptions): Promise<TicketKeys> {
    const there = readKey(await options.files.readText(file(options)), options.clock.wallMs());
    const keys = new TicketKeys(options, there ?? options.random.bytes(ticketKeyBytes));
    if (!there) await keys.#save();
    return keys;
  }

  get session(): SessionKeys {
    return { ticketKeys: this.#key, sessionTimeout: lifeMs / 1000, sessionIdContext: 'flotilla' };
  }

  /** True when the key is another one now. */
  async rotate(): Promise<boolean> {
    const { clock, random } = this.#options;
    if (clock.monotonicMs() - this.#sinceMs < lifeMs) return false;
    this.#key = random.bytes(ticketKeyBytes);
    this.#sinceMs = clock.monotonicMs();
    await this.#save();
    return true;
  }

  #save(): Promise<void> {
    const record = { madeMs: this.#options.clock.wallMs(), key: this.#key.toString('base64') };
    return this.#options.files.writeAtomic(file(this.#options), `${JSON.stringify(record)}\n`, { mode: 0o600 });
  }
}

function file({ dir }: TicketKeysOptions): string {
  return join(dir, 'tickets.key');
}

/** Undefined when there is none of the last day; a clock that jumped costs no more than new handshakes. */
function readKey(text: string | undefined, nowMs: number): Buffer | undefined {
  try {
    const { key, madeMs } = JSON.parse(text ?? '') as { key?: unknown; madeMs?: unknown };
    if (typeof key !== 'string' || typeof madeMs !== 'number' || Math.abs(nowMs - madeMs) >= lifeMs) return undefined;
    const bytes = Buffer.from(key, 'base64');
    return bytes.length === ticketKeyBytes ? bytes : undefined;
  } catch {
    return undefined;
  }
}
