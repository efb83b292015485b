import type { Clock } from '@flotilla/shared/clock/clock.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

const perRun = 2 ** 22;

/**
 * Numbers that only grow, across restarts, for one write per start: the number of the run in the high bits. A lost record is made good
 * by the wall clock, which is far ahead of any count of runs. A full disk keeps nobody from starting.
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
    const run = Math.max((value ?? 0) + 1, value === undefined ? Math.floor(clock.wallMs() / 1000) : 0);
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
