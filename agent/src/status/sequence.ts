import type { Clock } from '@flotilla/shared/clock/clock.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

const perRun = 2 ** 21;
/** What a run may be for its numbers to be safe integers. */
const mostRuns = 2 ** 32 - 1;
/** In 2106: what a clock may say to count. */
const mostSeconds = 2 ** 32 - 2 ** 20;

/**
 * Numbers that only grow, across restarts, for one write per start: the number of the run in the high bits. A lost record is made good
 * by the wall clock, which is far ahead of any count of runs; what is compared is numbers of one session only. A full disk keeps nobody from starting.
 */
export class Sequence {
  #next: number;
  readonly run: number;
  /** False when the disk would not have it: the next run may get the same number. */
  readonly saved: boolean;

  private constructor(run: number, saved: boolean) {
    this.run = run;
    this.saved = saved;
    this.#next = run * perRun;
  }

  static async open(files: Files, path: string, clock: Clock): Promise<Sequence> {
    const record = new DurableRecord<number>(files, path);
    const { value } = await record.read();
    const known = value !== undefined && value < mostRuns;
    // Bounded: no clock may lead out of what a number holds exactly.
    const run = known ? value + 1 : Math.max(1, Math.min(mostSeconds, Math.floor(clock.wallMs() / 1000)));
    const saved = await record.write(run).then(
      () => true,
      () => false,
    );
    return new Sequence(run, saved);
  }

  next(): number {
    return this.#next++;
  }
}
