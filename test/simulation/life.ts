import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { FakeClock } from '@flotilla/shared/clock/fake-clock.js';

/**
 * The life of one simulated process. What it started is bound to it: once it has ended nothing of it runs on, no timer fires and no call
 * returns, as after SIGKILL; while it is frozen everything waits, as after SIGSTOP.
 */
export class Life {
  #state: 'running' | 'frozen' | 'ended' = 'running';
  #waiting: (() => void)[] = [];
  readonly #ends: (() => void)[] = [];

  get ended(): boolean {
    return this.#state === 'ended';
  }

  get frozen(): boolean {
    return this.#state === 'frozen';
  }

  /** Now, after the thaw, or never. */
  run(work: () => void): void {
    if (this.#state === 'running') work();
    else if (this.#state === 'frozen') this.#waiting.push(work);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const work of this.#waiting.splice(0)) this.run(work);
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#waiting = [];
    for (const after of this.#ends.splice(0)) after();
  }

  onEnd(after: () => void): void {
    this.#ends.push(after);
  }

  /** The same promise as the process sees it. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error)),
      );
    });
  }

  /** A door as the process sees it. `before` may hold a call up. */
  door<T extends object>(target: T, before?: (method: string, args: readonly unknown[]) => Promise<void> | undefined): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (this.ended) return new Promise(() => {});
          const held = before?.(String(name), args);
          const result: unknown = held !== undefined ? held.then(() => value.apply(target, args)) : value.apply(target, args);
          return result instanceof Promise ? this.guard(result) : result;
        };
      },
    });
  }
}

/** The clock of one machine: its own idea of the date, its own boot; timers belong to the life of one process. */
export class MachineClock implements Clock {
  readonly #base: FakeClock;
  readonly #life: Life;
  readonly #machine: { wallOffsetMs: number; bootedMs: number };
  readonly #timers = new Set<Timer>();

  constructor(base: FakeClock, life: Life, machine: { wallOffsetMs: number; bootedMs: number }) {
    this.#base = base;
    this.#life = life;
    this.#machine = machine;
    life.onEnd(() => {
      for (const timer of this.#timers) timer.cancel();
      this.#timers.clear();
    });
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  wallMs(): number {
    return this.#base.wallMs() + this.#machine.wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  bootMs(): number {
    return this.#base.monotonicMs() - this.#machine.bootedMs;
  }

  after(name: string, delayMs: number, fire: () => void): Timer {
    if (this.#life.ended) return { name, cancel: () => {} };
    let over = false;
    const inner = this.#base.after(name, delayMs, () => {
      this.#timers.delete(timer);
      this.#life.run(() => {
        if (!over) fire();
        over = true;
      });
    });
    const timer: Timer = {
      name,
      cancel: () => {
        over = true;
        inner.cancel();
        this.#timers.delete(timer);
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.after(name, delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
