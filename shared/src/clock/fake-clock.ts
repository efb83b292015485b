import type { Clock, Timer } from './clock.ts';
import { nextTurn } from './next-turn.ts';
import { sleepOn } from './system-clock.ts';

interface Pending extends Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that moves only when it is told to. Timers that are due at one time fire in the order they were set. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #bootedAtMs = 0;
  #order = 0;
  #wallOffsetMs: number;
  #pending: Pending[] = [];

  constructor(startWallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = startWallMs;
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  bootMs(): number {
    return this.#nowMs - this.#bootedAtMs;
  }

  after(name: string, delayMs: number, fire: () => void): Timer {
    const timer: Pending = {
      name,
      dueMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      fire,
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== timer);
      },
    };
    this.#pending.push(timer);
    return timer;
  }

  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, name, delayMs, signal);
  }

  /** Lets the wall clock jump, as a user or NTP would; monotonic time and timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** The machine starts again: the time since boot begins anew, and the wall clock says this (1970 on a board without a battery). */
  reboot(wallMs: number): void {
    this.#bootedAtMs = this.#nowMs;
    this.#wallOffsetMs = wallMs - this.#nowMs;
  }

  /** Moves time forward, firing what becomes due, and lets promises settle after every timer. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#next(endMs); next; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.cancel();
      next.fire();
      await settle();
    }
    this.#nowMs = endMs;
  }

  pending(): string[] {
    return this.#pending.map((timer) => timer.name);
  }

  #next(untilMs: number): Pending | undefined {
    let best: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.dueMs > untilMs) continue;
      if (!best || timer.dueMs < best.dueMs || (timer.dueMs === best.dueMs && timer.order < best.order)) best = timer;
    }
    return best;
  }
}

/** Runs what promises and immediate callbacks have queued. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}
