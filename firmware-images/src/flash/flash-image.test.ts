import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { FakeDisk, FakeDisks } from '@flotilla/shared/platform/fake-disks.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { expect, test } from 'vitest';
import { digestOf, digestOfBlocks } from './blocks.ts';
import { type DriveProgress, type FlashResult, flashImage } from './flash-image.ts';

const mib = 1 << 20;
const image = Buffer.alloc(5 * mib + 3000);
for (let at = 0; at < image.length; at += 4096) image.set(new SeededRandom(at).bytes(32), at);

interface Try {
  readonly disks?: FakeDisks;
  readonly paths?: readonly string[];
  readonly pieces?: AsyncIterable<Uint8Array>;
  readonly sizeBytes?: number;
  readonly expectedDigest?: string;
  /** Called when the drives are read back for the first time. */
  readonly onVerify?: (path: string) => string | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (drives: readonly DriveProgress[]) => void;
}

/** In pieces of uneven length, as pipes give them. */
async function* inPieces(content: Buffer, error?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 300_001) yield content.subarray(at, at + 300_001);
  if (error) throw error;
}

function drives(count: number, sizeBytes = 8 * mib): { disks: FakeDisks; paths: string[]; cards: FakeDisk[] } {
  const disks = new FakeDisks();
  const paths = Array.from({ length: count }, (_, index) => `/dev/sd${index}`);
  // What was on a card before must not shine through.
  const cards = paths.map((path) => disks.add(path, new FakeDisk(sizeBytes, Buffer.alloc(2 * mib, 0x55))));
  return { disks, paths, cards };
}

function flash({ disks = new FakeDisks(), paths = [], pieces = inPieces(image), ...options }: Try): Promise<FlashResult> {
  return flashImage({
    disks,
    clock: new FakeClock(),
    source: { sizeBytes: options.sizeBytes, pieces },
    paths,
    expectedDigest: options.expectedDigest,
    dropCaches: async () => {},
    swapped: async (path) => options.onVerify?.(path),
    signal: options.signal ?? new AbortController().signal,
    onProgress: options.onProgress ?? (() => {}),
  });
}

const errors = ({ drives: results }: FlashResult): (string | undefined)[] => results.map(({ error }) => error);

/** Nothing on it starts, and no computer finds a partition. */
function looksEmpty(card: FakeDisk | undefined): boolean {
  return card?.content(0, mib).equals(Buffer.alloc(mib)) ?? false;
}

test('twelve drives at once hold the image, and each is opened for nobody else afterwards', async () => {
  const { disks, paths, cards } = drives(12);
  const seen: DriveProgress[] = [];
  const result = await flash({ disks, paths, onProgress: (progress) => seen.push(...progress) });
  expect(errors(result)).toEqual(Array.from({ length: 12 }));
  for (const card of cards) expect(card.content(0, image.length).equals(image)).toBe(true);
  expect(result.imageBytes).toBe(5 * mib + 4096);
  expect(disks.openCount).toBe(0);
  expect(seen.at(-1)).toMatchObject({ phase: 'done' });
});

test('the first block is written last, after all else was read back; the old beginning and end are cleared first', async () => {
  const { disks, paths, cards } = drives(1);
  const order: number[] = [];
  const [card] = cards;
  if (card) card.onWrite = (position) => void order.push(position / mib);
  await flash({ disks, paths });
  expect(order).toEqual([0, 7, 1, 2, 3, 4, 5, 0]);
});

test('the digest that the manifest has is compared: a damaged source spoils nothing but what it wrote', async () => {
  const { disks, paths, cards } = drives(2);
  const blocks = Array.from({ length: 6 }, (_, index) => {
    const block = image.subarray(index * mib, (index + 1) * mib);
    return digestOf(Buffer.concat([block, Buffer.alloc(index === 5 ? 4096 - 3000 : 0)]));
  });
  const expectedDigest = digestOfBlocks(blocks);
  expect(errors(await flash({ disks, paths, expectedDigest }))).toEqual([undefined, undefined]);
  const damaged = Buffer.from(image);
  damaged[3 * mib] = 1 + (image[3 * mib] ?? 0);
  expect(errors(await flash({ disks, paths, expectedDigest, pieces: inPieces(damaged) }))).toEqual([
    expect.stringContaining('the image is damaged'),
    expect.stringContaining('the image is damaged'),
  ]);
  for (const card of cards) expect(looksEmpty(card)).toBe(true);
});

test('a source that breaks off, or is empty, makes no card that starts', async () => {
  const { disks, paths, cards } = drives(1);
  const broken = inPieces(image.subarray(0, 3 * mib), new Error('unexpected end of file'));
  expect(errors(await flash({ disks, paths, pieces: broken }))).toEqual(['the image cannot be read: unexpected end of file']);
  expect(looksEmpty(cards[0])).toBe(true);
  expect(errors(await flash({ disks, paths, pieces: inPieces(Buffer.alloc(0)) }))).toEqual(['the image is empty']);
});

test('each drive fails for itself: too small, broken at an offset, pulled out, worn out; the good ones are good', async () => {
  const { disks, paths, cards } = drives(5);
  const [good, small, broken, pulled, lying] = cards;
  disks.add('/dev/sd1', new FakeDisk(3 * mib));
  if (broken) broken.failsAt = 4 * mib;
  if (pulled)
    pulled.onWrite = (position) => {
      pulled.gone ||= position === 2 * mib;
    };
  // A card sold as larger than it is: what is written behind its real end lands at its beginning.
  if (lying) lying.wrapsAt = 3 * mib;
  const found = errors(await flash({ disks, paths }));
  expect(found).toEqual([
    undefined,
    'writing at byte 3145728: it is too small for the image (ENOSPC)',
    // Its end is cleared first, and that is where it fails.
    'opening it: the drive reports an error: it is worn out, or was pulled out (EIO)',
    'writing at byte 2097152: it is gone: was it pulled out? (ENXIO)',
    expect.stringMatching(/^reading back at byte \d+: what was read back differs from what was written/),
  ]);
  expect(good?.content(0, image.length).equals(image)).toBe(true);
  expect(small).toBeDefined();
  expect(disks.openCount).toBe(0);
});

test('a drive that fails in the middle names the byte', async () => {
  const { disks, paths, cards } = drives(1, 64 * mib);
  const [card] = cards;
  if (card)
    card.onWrite = (position) => {
      if (position === 3 * mib) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    };
  expect(errors(await flash({ disks, paths }))).toEqual([
    'writing at byte 3145728: the drive reports an error: it is worn out, or was pulled out (EIO)',
  ]);
  expect(looksEmpty(card)).toBe(true);
});

test('the card is swapped between writing and verifying: by what it says of itself, or by what is on it', async () => {
  const { disks, paths } = drives(2);
  const result = await flash({
    disks,
    paths,
    onVerify: (path) => {
      if (path === '/dev/sd0') return 'another drive is there now: Card of somebody';
      disks.byPath.get(path)?.swap(Buffer.alloc(8 * mib, 3));
      return undefined;
    },
  });
  expect(errors(result)).toEqual([
    'opening it again: another drive is there now: Card of somebody',
    expect.stringMatching(/^reading back at byte \d+: what was read back differs/),
  ]);
});

test('a beginning that does not hold is cleared again', async () => {
  const { disks, paths, cards } = drives(1);
  const [card] = cards;
  let heads = 0;
  if (card)
    card.onWrite = (position) => {
      // The beginning is written for the second time: one bit falls over behind it.
      if (position === 0 && ++heads === 2) queueMicrotask(() => card.put(Buffer.from([(image[100] ?? 0) ^ 1]), 100));
    };
  expect(errors(await flash({ disks, paths }))).toEqual([expect.stringContaining('reading back at byte 0')]);
  expect(looksEmpty(card)).toBe(true);
});

test('given up while writing or verifying: told so, and not good', async () => {
  for (const phase of ['writing', 'verifying'] as const) {
    const { disks, paths, cards } = drives(1);
    const stopping = new AbortController();
    if (phase === 'writing') stopping.abort();
    const result = await flash({
      disks,
      paths,
      signal: stopping.signal,
      onVerify: () => {
        stopping.abort();
        return undefined;
      },
    });
    expect(errors(result)).toEqual(['it was given up']);
    expect(looksEmpty(cards[0])).toBe(true);
  }
});
