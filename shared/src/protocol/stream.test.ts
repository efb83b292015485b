import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';
import { StreamReceiver } from './stream-receiver.ts';
import { StreamSender } from './stream-sender.ts';
import { StreamWindows } from './stream-windows.ts';

test('reordered and repeated frames come out as one text, within the credit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 30 }),
      fc.infiniteStream(fc.nat(3)),
      async (parts, choices) => {
        const choose = choices[Symbol.iterator]();
        const wire: DataFrame[] = [];
        let unconfirmed = 0;
        const controller = new AbortController();
        const sender = new StreamSender({
          id: 1,
          credit: linkLimits.streamWindowBytes,
          signal: controller.signal,
          send: async (frame) => {
            unconfirmed += frame.data.length;
            expect(unconfirmed).toBeLessThanOrEqual(linkLimits.streamWindowBytes);
            wire.push(frame);
            const choice = choose.next().value as number;
            if (choice === 0) wire.push(frame);
            if (choice === 1) wire.reverse();
            if (choice >= 2) while (wire.length > 0) receiver.data(wire.shift() as DataFrame);
          },
        });
        const receiver = new StreamReceiver((bytes, total) => {
          unconfirmed -= bytes;
          sender.credit(bytes, total);
          // A copy changes nothing.
          sender.credit(bytes, total);
        });
        const sending = (async () => {
          for (const part of parts) {
            await sender.write(1, Buffer.from(part));
            while (wire.length > 0) receiver.data(wire.shift() as DataFrame);
          }
          receiver.end(sender.length);
        })();
        const received: Buffer[] = [];
        for await (const { data } of receiver) received.push(data);
        await sending;
        expect(Buffer.concat(received).equals(Buffer.concat(parts))).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test('a sender without credit waits, and ends with its signal', async () => {
  const controller = new AbortController();
  const frames: DataFrame[] = [];
  const sender = new StreamSender({ id: 1, credit: 3, signal: controller.signal, send: async (frame) => void frames.push(frame) });
  const writing = sender.write(1, Buffer.from('abcdef'));
  await Promise.resolve();
  expect(frames.map((frame) => frame.data.toString())).toEqual(['abc']);
  controller.abort(new Error('stopped'));
  await expect(writing).rejects.toThrow('stopped');
});

test('a sender that ignores its credit fails the stream', async () => {
  const receiver = new StreamReceiver(() => {}, 10);
  receiver.data({ stream: 1, channel: 1, offset: 0, data: Buffer.alloc(10) });
  receiver.data({ stream: 1, channel: 1, offset: 10, data: Buffer.alloc(1) });
  const iterator = receiver[Symbol.asyncIterator]();
  expect((await iterator.next()).value?.data.length).toBe(10);
  await expect(iterator.next()).rejects.toThrow('exceeded its credit');
});

test('a frame may have so many bytes and no more', async () => {
  const frame = (bytes: number): DataFrame => ({ stream: 1, channel: 1, offset: 0, data: Buffer.alloc(bytes) });
  const [fits, over] = [new StreamReceiver(() => {}), new StreamReceiver(() => {})];
  fits.data(frame(linkLimits.streamFrameBytes));
  expect(fits.failure).toBeUndefined();
  over.data(frame(linkLimits.streamFrameBytes + 1));
  expect(over.failure?.message).toContain('a frame of 16385 bytes');
});

test('bytes that come one by one to a reader that does not read cost little, and are all there', async () => {
  const receiver = new StreamReceiver(() => {});
  for (let offset = 0; offset < 20_000; offset++)
    receiver.data({ stream: 1, channel: offset < 15_000 ? 1 : 2, offset, data: Buffer.from('x') });
  receiver.end(20_000);
  let [pieces, bytes] = [0, 0];
  for await (const { data } of receiver) [pieces, bytes] = [pieces + 1, bytes + data.length];
  expect(bytes).toBe(20_000);
  expect(pieces).toBeLessThan(1_000);
});

test('channels that take turns byte by byte end the stream before they eat the memory', () => {
  const receiver = new StreamReceiver(() => {});
  const send = (offset: number): void => receiver.data({ stream: 1, channel: 1 + (offset % 2), offset, data: Buffer.from('x') });
  for (let offset = 0; offset < 16_000; offset++) send(offset);
  expect(receiver.failure).toBeUndefined();
  for (let offset = 16_000; offset < 20_000; offset++) send(offset);
  expect(receiver.failure?.message).toContain('too small pieces');
});

test('a gap is waited for, and not with any number of frames behind it', () => {
  const receiver = new StreamReceiver(() => {});
  for (let offset = 1; offset <= 256; offset++) receiver.data({ stream: 1, channel: 1, offset, data: Buffer.from('x') });
  expect(receiver.failure).toBeUndefined();
  receiver.data({ stream: 1, channel: 1, offset: 257, data: Buffer.from('x') });
  expect(receiver.failure?.message).toBe('a part of the stream is missing');
});

test('windows are full while there is ample room, small then, and there are only so many', () => {
  const windows = new StreamWindows({ streams: 4, ampleBytes: 2 * linkLimits.streamWindowBytes });
  const full = linkLimits.streamWindowBytes;
  const small = linkLimits.streamSmallWindowBytes;
  expect([1, 2, 3, 4, 5].map(() => windows.take())).toEqual([full, full, small, small, undefined]);
  windows.give(full);
  windows.give(small);
  expect([1, 2, 3].map(() => windows.take())).toEqual([small, small, undefined]);
});

test('what arrived before a failure is given out first', async () => {
  const receiver = new StreamReceiver(() => {});
  receiver.data({ stream: 1, channel: 1, offset: 0, data: Buffer.from('last words') });
  receiver.fail(new Error('the board went away'));
  const iterator = receiver[Symbol.asyncIterator]();
  expect((await iterator.next()).value?.data.toString()).toBe('last words');
  await expect(iterator.next()).rejects.toThrow('the board went away');
});
