import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';

/** The clock of one simulated board: its wall clock may be off. */
export class BoardClock implements Clock {
  readonly #machine: Clock;
  readonly #wallOffsetMs: number;
  readonly #bootOffsetMs: number;

  constructor(machine: Clock, wallOffsetMs: number) {
    this.#machine = machine;
    this.#wallOffsetMs = wallOffsetMs;
    // Asking the machine reads a file each time; ten thousand boards ask often.
    this.#bootOffsetMs = machine.bootMs() - machine.monotonicMs();
  }

  wallMs(): number {
    return this.#machine.wallMs() + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#machine.monotonicMs();
  }

  bootMs(): number {
    return this.#machine.monotonicMs() + this.#bootOffsetMs;
  }

  after(name: string, delayMs: number, fire: () => void): Timer {
    return this.#machine.after(name, delayMs, fire);
  }

  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#machine.sleep(name, delayMs, signal);
  }
}
