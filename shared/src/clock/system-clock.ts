import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from './clock.ts';

const longestTimeoutMs = 2 ** 31 - 1;

/** The real clock. Timers longer than Node's 24.8 days are chained. */
export class SystemClock implements Clock {
  readonly #timers = new Set<Timer>();

  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  bootMs(): number {
    // /proc/uptime counts CLOCK_BOOTTIME; there is no such clock in Node's own API.
    return Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000;
  }

  after(name: string, delayMs: number, fire: () => void): Timer {
    let left = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const timer: Timer = {
      name,
      cancel: () => {
        clearTimeout(handle);
        this.#timers.delete(timer);
      },
    };
    const arm = (): void => {
      const step = Math.min(left, longestTimeoutMs);
      left -= step;
      handle = setTimeout(() => {
        if (left > 0) return arm();
        this.#timers.delete(timer);
        fire();
      }, step);
      handle.unref();
    };
    this.#timers.add(timer);
    arm();
    return timer;
  }

  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, name, delayMs, signal);
  }

  /** Names of the timers that have not fired, for diagnostic dumps. */
  pending(): string[] {
    return [...this.#timers].map((timer) => timer.name);
  }
}

/** `Clock.sleep` in terms of `Clock.after`, shared by the real clock and the fake. */
export function sleepOn(clock: Pick<Clock, 'after'>, name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(name, delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
