import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Revision } from './contract.ts';

export interface HistoryOptions {
  /** 5 minutes when left out, as Kubernetes has it. */
  readonly ms?: number;
  /** 100,000 when left out. */
  readonly revisions?: number;
}

/** Says what of the history may go: whatever is older than the time or further back than the number of revisions. */
export class HistoryPolicy {
  readonly periodMs: number;
  readonly #ms: number;
  readonly #revisions: number;
  #marks: { readonly atMs: number; readonly revision: Revision }[] = [];

  constructor({ ms = 300_000, revisions = 100_000 }: HistoryOptions = {}) {
    this.#ms = ms;
    this.#revisions = revisions;
    this.periodMs = ms / 10;
  }

  /** To be asked once a period. */
  compactTo(nowMs: number, current: Revision): Revision {
    let old = current - this.#revisions;
    while (this.#marks[0] && this.#marks[0].atMs <= nowMs - this.#ms) old = Math.max(old, this.#marks.shift()?.revision ?? 0);
    if (this.#marks.at(-1)?.revision !== current) this.#marks.push({ atMs: nowMs, revision: current });
    return Math.max(old, 0);
  }
}

/** Does something again and again, never twice at once, until it is stopped. `failed` hears what it throws. */
export function repeat(
  clock: Clock,
  name: string,
  periodMs: number,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): { stop(): void } {
  let stopped = false;
  let cancel: () => void = () => {};
  const arm = (): void => {
    const timer = clock.after(name, periodMs, () => {
      work()
        .catch(failed)
        .finally(() => {
          if (!stopped) arm();
        });
    });
    cancel = () => timer.cancel();
  };
  arm();
  return {
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
