// INVARIANTS
// 1. The first block of an image, which holds its partition table, is written last, after everything else was read back and was right.
//    Before anything else is written, the drive's first and last megabyte are cleared: until the end no computer finds anything on it.
// 2. What is read back comes from the drive: past the page cache, through a new opening, after the kernel's buffers were dropped.
// 3. One drive's failure ends that drive alone.
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { alignedBuffer, type Disk, type Disks } from '@flotilla/shared/platform/disks.js';
import { blockBytes, digestOf } from './blocks.ts';
import { flashErrorText } from './flash-error.ts';

export type FlashPhase = 'writing' | 'verifying' | 'done' | 'failed';

/** Of the machine, as far as one drive is concerned. */
export interface DriveDoors {
  readonly disks: Disks;
  readonly clock: Clock;
  /** Has the kernel forget what it holds of the drive, and read its partition table anew. */
  readonly dropCaches: (path: string) => Promise<void>;
  /** Why what is at the path now is not the drive that was there when it was chosen; undefined when it is. */
  readonly swapped: (path: string) => Promise<string | undefined>;
}

/** Writes one drive, block by block, and verifies it. */
export class DriveFlash {
  readonly path: string;
  phase: FlashPhase = 'writing';
  doneBytes = 0;
  error: string | undefined;
  /** How long each part took. */
  readonly tookMs = { writing: 0, verifying: 0 };
  readonly #doors: DriveDoors;
  readonly #depth: number;
  readonly #startedMs: number;
  #disk: Disk | undefined;
  #sizeBytes = 0;
  /** Writes under way, the oldest first. */
  readonly #pending: Promise<void>[] = [];

  constructor(path: string, doors: DriveDoors, depth: number) {
    this.path = path;
    this.#doors = doors;
    this.#depth = depth;
    this.#startedMs = doors.clock.monotonicMs();
  }

  get failed(): boolean {
    return this.phase === 'failed';
  }

  /** Opens the drive and makes it look empty. */
  async begin(): Promise<void> {
    await this.#try('opening it', async () => {
      const disk = await this.#doors.disks.open(this.path, { write: true, direct: true });
      this.#disk = disk;
      this.#sizeBytes = disk.sizeBytes;
      const zeros = alignedBuffer(blockBytes);
      await disk.write(zeros.subarray(0, Math.min(blockBytes, disk.sizeBytes)), 0);
      const tail = Math.max(0, Math.floor((disk.sizeBytes - blockBytes) / 4096) * 4096);
      await disk.write(zeros.subarray(0, Math.min(blockBytes, disk.sizeBytes - tail)), tail);
      await disk.sync();
    });
  }

  /** Resolves when there is room for another block; `written` is called when this one no longer needs its buffer. */
  async write(data: Buffer, index: number, written: () => void): Promise<void> {
    if (this.failed) return written();
    const position = index * blockBytes;
    const work = this.#try(`writing at byte ${position}`, async () => {
      if (position + data.length > this.#sizeBytes) throw Object.assign(new Error('the drive is too small'), { code: 'ENOSPC' });
      await this.#disk?.write(data, position);
      this.doneBytes += data.length;
    }).finally(written);
    this.#pending.push(work);
    if (this.#pending.length >= this.#depth) await this.#pending.shift();
  }

  /** Ends writing: what was written is on the drive, and the drive is closed. */
  async finishWriting(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
    await this.#try('having it keep what was written', async () => await this.#disk?.sync());
    await this.close();
    this.tookMs.writing = this.#doors.clock.monotonicMs() - this.#startedMs;
  }

  /** Reads everything back, then writes the first block and reads that back too. The buffers are this drive's alone. */
  async verify(
    digests: readonly Buffer[],
    head: Buffer,
    lastLength: number,
    buffers: readonly Buffer[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.failed) return;
    const startedMs = this.#doors.clock.monotonicMs();
    this.phase = 'verifying';
    this.doneBytes = 0;
    await this.#reopen(false);
    const next = { index: 1 };
    const lengthOf = (index: number): number => (index === digests.length - 1 ? lastLength : blockBytes);
    await Promise.all(
      buffers.map(async (buffer) => {
        for (let index = next.index++; index < digests.length && !this.failed; index = next.index++) {
          const data = buffer.subarray(0, lengthOf(index));
          await this.#check(index, data, digests[index]);
          if (signal.aborted) this.fail('it was given up');
        }
      }),
    );
    await this.close();
    if (this.failed) return;
    await this.#reopen(true);
    await this.#try('writing its beginning', async () => {
      await this.#disk?.write(head, 0);
      await this.#disk?.sync();
    });
    await this.close();
    await this.#reopen(false);
    const [buffer] = buffers;
    if (buffer) await this.#check(0, buffer.subarray(0, head.length), digests[0]);
    await this.close();
    if (this.failed) await this.#clearHead(head.length);
    this.tookMs.verifying = this.#doors.clock.monotonicMs() - startedMs;
    if (!this.failed) this.phase = 'done';
  }

  /** Ends it; the first reason counts. */
  fail(reason: string): void {
    this.error ??= reason;
    this.phase = 'failed';
  }

  async close(): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    // A drive that is gone cannot be closed well either.
    await disk?.close().catch(() => {});
  }

  async #reopen(write: boolean): Promise<void> {
    await this.#try('opening it again', async () => {
      await this.#doors.dropCaches(this.path);
      const swapped = await this.#doors.swapped(this.path);
      if (swapped) throw new Error(swapped);
      this.#disk = await this.#doors.disks.open(this.path, { write, direct: true });
    });
  }

  /** The beginning was written and cannot be trusted: as well as it goes, it is cleared again. */
  async #clearHead(length: number): Promise<void> {
    try {
      const disk = await this.#doors.disks.open(this.path, { write: true, direct: true });
      this.#disk = disk;
      await disk.write(alignedBuffer(length), 0);
      await disk.sync();
    } catch {
      // The drive has failed already, and says so.
    }
    await this.close();
  }

  async #check(index: number, data: Buffer, expected: Buffer | undefined): Promise<void> {
    const position = index * blockBytes;
    await this.#try(`reading back at byte ${position}`, async () => {
      if ((await this.#disk?.readInto(data, position)) !== data.length) throw new Error('the drive ends there now');
      if (!expected?.equals(digestOf(data)))
        throw new Error('what was read back differs from what was written: the card is worn out, counterfeit, or another one by now');
      this.doneBytes += data.length;
    });
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    if (this.failed) return;
    try {
      await work();
    } catch (error) {
      this.fail(`${what}: ${flashErrorText(error)}`);
    }
  }
}
