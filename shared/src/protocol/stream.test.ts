import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataFrame } from './frame.ts';
import { linkLimits } from './limits.ts';
import { StreamReceiver } from './stream-receiver.ts';
import { StreamSender } from './stream-sender.ts';

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
        const receiver = new StreamReceiver((bytes) => {
          unconfirmed -= bytes;
          sender.credit(bytes);
        });
        const sending = (async () => {
          for (const part of parts) {
            await sender.write(1, Buffer.from(part));
            while (wire.length > 0) receiver.data(wire.shift() as DataFrame);
          }
          receiver.end(sender.length);
        })();
        const received: Buffer[] = [];
        for await (const chunk of receiver) received.push(chunk);
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
  const receiver = new StreamReceiver(() => {});
  receiver.data({ stream: 1, channel: 1, offset: 0, data: Buffer.alloc(linkLimits.streamWindowBytes + 1) });
  await expect(receiver[Symbol.asyncIterator]().next()).rejects.toThrow('exceeded its credit');
});

test('what arrived before a failure is given out first', async () => {
  const receiver = new StreamReceiver(() => {});
  receiver.data({ stream: 1, channel: 1, offset: 0, data: Buffer.from('last words') });
  receiver.fail(new Error('the board went away'));
  const iterator = receiver[Symbol.asyncIterator]();
  expect((await iterator.next()).value?.toString()).toBe('last words');
  await expect(iterator.next()).rejects.toThrow('the board went away');
});
