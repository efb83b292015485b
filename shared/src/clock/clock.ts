/**
 * The door to time. Nothing outside this folder reads a clock or sets a timer; a fake with the same shape makes
 * a whole hub and its boards run from one seed (see fake-clock.ts).
 */
export interface Clock {
  /** Wall clock in whole milliseconds since 1970. May jump; use it for what people read, never for ordering. */
  wallMs(): number;
  /** Monotonic milliseconds since an arbitrary start. Stands still while the machine is suspended. */
  monotonicMs(): number;
  /** Monotonic milliseconds since boot, running on during suspend (CLOCK_BOOTTIME). */
  bootMs(): number;
  /** Calls `fire` once after `delayMs`. The name appears in diagnostic dumps. A timer never keeps the process alive. */
  after(name: string, delayMs: number, fire: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(name: string, delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  readonly name: string;
  /** Does nothing when the timer fired already. */
  cancel(): void;
}

/** The time in the form Kubernetes writes it: RFC 3339, UTC, whole seconds. */
export function kubeTime(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  // Most that is asked for is now.
  if (second !== lastSecond) {
    lastText = `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

let lastSecond = Number.NaN;
let lastText = '';

/** The form of `metav1.MicroTime`: RFC 3339, UTC, six digits of a second. */
export function kubeMicroTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`;
}
