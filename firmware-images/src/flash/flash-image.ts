import { alignedBuffer } from '@flotilla/shared/platform/disks.js';
import { type Block, BufferPool, blockBytes, digestOf, digestOfBlocks, inBlocks } from './blocks.ts';
import { type DriveDoors, DriveFlash, type FlashPhase } from './flash-drive.ts';
import { flashErrorText } from './flash-error.ts';

/** An image to be written, decompressed. */
export interface ImageSource {
  /** Its length when all is read; undefined while it is not known. */
  readonly sizeBytes: number | undefined;
  /** Ends with an error when the source is damaged or truncated. Stopping early is fine. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** How far a drive is. */
export interface DriveProgress {
  readonly path: string;
  readonly phase: FlashPhase;
  readonly doneBytes: number;
  /** Undefined while nobody knows. */
  readonly totalBytes: number | undefined;
  readonly error: string | undefined;
}

export interface DriveResult {
  readonly path: string;
  /** Undefined when the drive holds the image, verified. */
  readonly error: string | undefined;
  readonly tookMs: { readonly writing: number; readonly verifying: number };
}

export interface FlashResult {
  readonly drives: readonly DriveResult[];
  readonly imageBytes: number;
  /** Of all blocks, as a manifest has it. */
  readonly digest: string;
}

export interface FlashOptions extends DriveDoors {
  readonly source: ImageSource;
  readonly paths: readonly string[];
  /** What `digest` must be, where it is known: another one spoils every drive. */
  readonly expectedDigest?: string | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (drives: readonly DriveProgress[]) => void;
}

const progressEveryMs = 200;
const sourceBuffers = 6;
/** Bytes of all drives together that are being read back at one moment. */
const verifyBuffers = 12;

/**
 * Writes an image to drives, all at once, reading it once; then reads every drive back. Nothing throws: a drive that failed says why,
 * and cannot be taken for one that did not (flash-drive.ts). Memory does not grow with the number of drives up to twelve.
 */
export async function flashImage(options: FlashOptions): Promise<FlashResult> {
  const { source, paths, signal } = options;
  const buffers = Array.from({ length: sourceBuffers }, () => alignedBuffer(blockBytes));
  const pool = new BufferPool(buffers);
  const drives = paths.map((path) => new DriveFlash(path, options, Math.max(1, sourceBuffers - 2)));
  const digests: Buffer[] = [];
  let head: Buffer = Buffer.alloc(0);
  let lastLength = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  const tell = (force: boolean): void => {
    const nowMs = options.clock.monotonicMs();
    if (!force && nowMs - toldMs < progressEveryMs) return;
    toldMs = nowMs;
    const verifying = digests.length === 0 ? undefined : (digests.length - 1) * blockBytes + lastLength;
    options.onProgress(
      drives.map(({ path, phase, doneBytes, error }) => ({
        path,
        phase,
        doneBytes,
        totalBytes: phase === 'writing' ? source.sizeBytes : verifying,
        error,
      })),
    );
  };
  await Promise.all(drives.map((drive) => drive.begin()));
  const failAll = (reason: string): void => {
    for (const drive of drives) drive.fail(reason);
  };
  try {
    for await (const block of inBlocks(source.pieces, pool)) {
      digests.push(digestOf(block.data));
      lastLength = block.data.length;
      if (block.index === 0) {
        head = alignedBuffer(block.data.length);
        block.data.copy(head);
        block.release();
      } else await writeToAll(drives, block);
      if (signal.aborted) failAll('it was given up');
      if (drives.every(({ failed }) => failed)) break;
      tell(false);
    }
    if (digests.length === 0) failAll('the image is empty');
  } catch (error) {
    failAll(`the image cannot be read: ${flashErrorText(error)}`);
  }
  const digest = digestOfBlocks(digests);
  if (options.expectedDigest !== undefined && options.expectedDigest !== digest)
    failAll('the image is damaged: it is not what its manifest says. Fetch or build it again');
  await Promise.all(drives.map((drive) => drive.finishWriting()));
  tell(true);
  const each = Math.max(1, Math.min(4, Math.floor(verifyBuffers / drives.length)));
  const ticking = ticker(options, () => tell(false));
  await Promise.all(
    drives.map((drive) => {
      // Nothing is written any more: what was written from is there to read into.
      const own = Array.from({ length: each }, () => buffers.pop() ?? alignedBuffer(blockBytes));
      return drive.verify(digests, head, lastLength, own, signal);
    }),
  );
  ticking.stop();
  tell(true);
  return {
    drives: drives.map(({ path, error, tookMs }) => ({ path, error, tookMs })),
    imageBytes: Math.max(0, digests.length - 1) * blockBytes + lastLength,
    digest,
  };
}

/** Gives a block to every drive; its buffer goes back when the last one is done with it. Waits while a drive is behind. */
async function writeToAll(drives: readonly DriveFlash[], { data, index, release }: Block): Promise<void> {
  let left = drives.length;
  const written = (): void => {
    if (--left === 0) release();
  };
  await Promise.all(drives.map((drive) => drive.write(data, index, written)));
}

function ticker({ clock }: FlashOptions, tick: () => void): { stop(): void } {
  const again = (): { cancel(): void } =>
    clock.after('flash: progress', progressEveryMs, () => {
      tick();
      timer = again();
    });
  let timer = again();
  return { stop: () => timer.cancel() };
}
