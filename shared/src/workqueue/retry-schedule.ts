import type { Random } from '../platform/random.ts';

/** Back-off as a value: `base · factor^n`, at most `max`, drawn with full jitter unless that is switched off. Milliseconds. */
export interface RetrySchedule {
  readonly baseMs: number;
  readonly maxMs: number;
  /** 2 when left out. */
  readonly factor?: number;
  /** `full` draws from [0, bound) so that a fleet spreads itself; `none` gives the bound. `full` when left out. */
  readonly jitter?: 'full' | 'none';
}

/** What client-go gives a controller per key: 5 ms doubling up to 1000 s; here capped lower because the resync is not our safety net. */
export const controllerRetry: RetrySchedule = { baseMs: 5, maxMs: 300_000, jitter: 'none' };

/** The delay after `failures` failures in a row (1 is the first). */
export function retryDelayMs(schedule: RetrySchedule, failures: number, random: Pick<Random, 'next'>): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 1000);
  const bound = Math.min(schedule.maxMs, schedule.baseMs * (schedule.factor ?? 2) ** exponent);
  return schedule.jitter === 'none' ? bound : Math.floor(random.next() * bound);
}

/** The schedule as an endless list, for loops and for tests that read it. */
export function* retryDelays(schedule: RetrySchedule, random: Pick<Random, 'next'>): Generator<number, never> {
  for (let failures = 1; ; failures++) yield retryDelayMs(schedule, failures, random);
}
