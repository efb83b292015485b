import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { guardReads, HeaderScanner } from './read-guard.ts';

const packet = (length: number): Buffer => {
  const digits: number[] = [];
  for (let rest = length; digits.length === 0 || rest > 0; rest = Math.floor(rest / 128))
    digits.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
  return Buffer.concat([Buffer.of(0x30, ...digits), Buffer.alloc(length, 0xff)]);
};

test('finds packet lengths however the bytes are cut', () => {
  const bytes = Buffer.concat([packet(0), packet(5), packet(300), packet(2), packet(20_000), packet(0)]);
  for (const size of [1, 2, 3, 7, 100, bytes.length]) {
    const scanner = new HeaderScanner();
    const seen: number[] = [];
    for (let at = 0; at < bytes.length; at += size) seen.push(scanner.longest(bytes.subarray(at, at + size)));
    expect(Math.max(...seen), `cut by ${size}`).toBe(20_000);
  }
  expect(new HeaderScanner().longest(Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff))).toBe(Number.POSITIVE_INFINITY);
});

test('destroys the stream at the limit, and not before', () => {
  const within = new PassThrough();
  guardReads(within, 100);
  within.write(packet(100));
  expect((within.read() as Buffer).length).toBe(102);
  const above = new PassThrough();
  above.on('error', () => {});
  guardReads(above, 100);
  above.write(packet(101));
  expect(above.read()).toBeNull();
  expect(above.destroyed).toBe(true);
});

test('counts packets however the bytes are cut', () => {
  const bytes = Buffer.concat([packet(0), packet(5), packet(300), packet(20_000), packet(0)]);
  for (const size of [1, 3, 100, bytes.length]) {
    const scanner = new HeaderScanner();
    for (let at = 0; at < bytes.length; at += size) scanner.longest(bytes.subarray(at, at + size));
    expect(scanner.packets, `cut by ${size}`).toBe(5);
  }
});

test('reads nothing in a pause, and tells whoever reads when it is over; nothing is lost', () => {
  const stream = new PassThrough();
  const told: [number, number][] = [];
  let over = (): void => {};
  let pauseMs = 0;
  guardReads(stream, 100, {
    read: (bytes, messages) => {
      told.push([bytes, messages]);
      return pauseMs;
    },
    after: (_delayMs, fire) => {
      over = fire;
    },
    tooLong: () => {},
  });
  const readable: number[] = [];
  stream.on('readable', () => readable.push(1));
  stream.write(Buffer.concat([packet(10), packet(20)]));
  pauseMs = 50;
  expect((stream.read() as Buffer).length).toBe(34);
  stream.write(packet(30));
  expect(stream.read()).toBeNull();
  const before = readable.length;
  pauseMs = 0;
  over();
  expect(readable.length).toBe(before + 1);
  expect((stream.read() as Buffer).length).toBe(32);
  expect(told).toEqual([
    [34, 2],
    [32, 1],
  ]);
});

test('reads little at once at first and of who was held back, and more while all is well; what is left comes in another turn', () => {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  const pauses = [0, 0, 50];
  const due: (() => void)[] = [];
  guardReads(stream, 100_000, {
    read: () => pauses.shift() ?? 0,
    after: (_delayMs, fire) => due.push(fire),
    tooLong: () => {},
  });
  const read: number[] = [];
  stream.on('readable', () => {
    const chunk = stream.read() as Buffer | null;
    if (chunk) read.push(chunk.length);
  });
  stream.write(packet(40_000 - 4));
  stream.emit('readable');
  for (let turn = 0; turn < 10; turn++) due.shift()?.();
  const kib = 1024;
  expect(read).toEqual([4 * kib, 8 * kib, 16 * kib, 4 * kib, 40_000 - 32 * kib]);
});
