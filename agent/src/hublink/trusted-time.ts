import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';

export interface TrustedTimeOptions {
  readonly files: Pick<Files, 'readText' | 'writeAtomic'>;
  /** Where the identity is kept. */
  readonly dir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The floor from enrolment, for the first start. */
  readonly floorMs: number;
}

const floorFile = 'clock-floor.json';
/** The floor is written when it moved by this much, and at an orderly stop. */
const writeStepMs = 24 * 3_600_000;

/**
 * What the board knows of the time without a clock of its own: the hub's, proven fresh by a nonce, counted on by the boot clock.
 *
 * The *floor* is a time that has certainly passed; certificates of the hub that ended before it are refused. It outlives restarts.
 *
 * INVARIANTS
 * - The floor never passes the end of the hub's certificate that came with the proof.
 * - It goes down only by the hub's proven word: then what raised it was a clock of the hub that had been wrong (it said 2099 for an
 *   hour), and holding on to it would lock this board out.
 */
export class TrustedTime {
  readonly #options: TrustedTimeOptions;
  #floorMs: number;
  #writtenMs: number;
  #endMs = Number.POSITIVE_INFINITY;
  #proof: { readonly wallMs: number; readonly bootMs: number } | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: TrustedTimeOptions, floorMs: number) {
    this.#options = options;
    this.#floorMs = floorMs;
    this.#writtenMs = floorMs;
  }

  static async open(options: TrustedTimeOptions): Promise<TrustedTime> {
    const text = await options.files.readText(join(options.dir, floorFile));
    return new TrustedTime(options, readFloor(text) ?? options.floorMs);
  }

  get floorMs(): number {
    return this.#floorMs;
  }

  /** The hub's time now, as far as this process heard it; else the machine's clock, but never before the floor. */
  bestMs(): number {
    const { clock } = this.#options;
    return this.#proof ? this.#proof.wallMs + clock.bootMs() - this.#proof.bootMs : Math.max(clock.wallMs(), this.#floorMs);
  }

  /**
   * The hub said its time, signed and to our nonce, over a connection with a certificate that ends at `certificateEndMs`.
   * @returns why it is not to be believed: its certificate has ended by its own clock, too
   */
  proven(wallMs: number, certificateEndMs: number): string | undefined {
    const doubted = certificateEndMs < this.#floorMs;
    if (doubted && wallMs > certificateEndMs) return `the hub's certificate ended on ${new Date(certificateEndMs).toISOString()}`;
    if (doubted || wallMs < this.#floorMs - writeStepMs) {
      this.#options.logger.warn('the hub had told a time that was too late; the clock floor goes down', {
        from: this.#floorMs,
        to: wallMs,
      });
      this.#floorMs = wallMs;
    } else this.#floorMs = Math.max(this.#floorMs, Math.min(wallMs, certificateEndMs));
    this.#endMs = certificateEndMs;
    this.#proof = { wallMs, bootMs: this.#options.clock.bootMs() };
    this.#keep(writeStepMs);
    return undefined;
  }

  /** Moves the floor on with the time that went by since the proof: for long sessions. */
  tick(): void {
    this.#moveOn();
    this.#keep(writeStepMs);
  }

  /** Writes what is known. Never throws. */
  async stop(): Promise<void> {
    this.#moveOn();
    this.#keep(1);
    await this.#writing;
  }

  #moveOn(): void {
    if (this.#proof) this.#floorMs = Math.max(this.#floorMs, Math.min(Math.floor(this.bestMs()), this.#endMs));
  }

  #keep(stepMs: number): void {
    if (Math.abs(this.#floorMs - this.#writtenMs) < stepMs) return;
    const { dir, files, logger } = this.#options;
    const floorMs = this.#floorMs;
    this.#writtenMs = floorMs;
    this.#writing = this.#writing
      .then(() => files.writeAtomic(join(dir, floorFile), `${JSON.stringify({ floorMs })}\n`, { mode: 0o600 }))
      .catch((error: unknown) => logger.warn('could not write the clock floor', { error }));
  }
}

/** Undefined for what cannot be read: the floor from enrolment serves. */
function readFloor(text: string | undefined): number | undefined {
  try {
    const { floorMs } = JSON.parse(text ?? '') as { floorMs?: unknown };
    return typeof floorMs === 'number' && Number.isSafeInteger(floorMs) ? floorMs : undefined;
  } catch {
    return undefined;
  }
}
