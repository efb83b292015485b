import type { Clock } from '@flotilla/shared/clock/clock.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

const perRun = 2 ** 22;

/**
 * Numbers that only grow, across restarts, for one write per start: the number of the run in the high bits. A lost record is made good
 * by the wall clock, which is far ahead of any count of runs.
 */
export class Sequence {
  #next: number;
  readonly run: number;

  private constructor(run: number) {
    this.run = run;
    this.#next = run * perRun;
  }

  static async open(files: Files, path: string, clock: Clock): Promise<Sequence> {
    const record = new DurableRecord<number>(files, path);
    const { value } = await record.read();
    const run = Math.max((value ?? 0) + 1, value === undefined ? Math.floor(clock.wallMs() / 1000) : 0);
    await record.write(run);
    return new Sequence(run);
  }

  next(): number {
    return this.#next++;
  }
}
