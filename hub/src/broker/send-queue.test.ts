import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import { expect, test } from 'vitest';
import { SendQueue } from './send-queue.ts';

/** A connection that takes one payload whenever it is let. */
function line() {
  const sent: string[] = [];
  let total = 0;
  let take: (() => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  const queue = new SendQueue({
    write: (kind, payload) => {
      sent.push(`${kind} ${payload.toString()}`);
      return new Promise((resolve, reject) => {
        take = resolve;
        fail = reject;
      });
    },
    grew: (bytes) => {
      total += bytes;
    },
  });
  const send = (kind: DownKind, text: string): Promise<void> => queue.send(kind, Buffer.from(text));
  const turn = async (): Promise<void> => {
    take?.();
    await new Promise(setImmediate);
  };
  return { queue, sent, send, turn, total: () => total, fail: (error: Error) => fail?.(error) };
}

test('what a board waits for overtakes what it shall run, and that overtakes streams', async () => {
  const { sent, send, turn } = line();
  const all = [send('stream', '1'), send('stream', '2'), send('manifest', 'm'), send('stream', '3'), send('ack', 'a'), send('ack', 'b')];
  for (let count = 0; count < 6; count++) await turn();
  await Promise.all(all);
  expect(sent).toEqual(['stream 1', 'ack a', 'ack b', 'manifest m', 'stream 2', 'stream 3']);
});

test('one is on its way at a time, and a promise resolves with its own', async () => {
  const { sent, send, turn, queue, total } = line();
  let done = 0;
  for (const text of ['aaa', 'bbb']) void send('stream', text).then(() => done++);
  await new Promise(setImmediate);
  expect([sent.length, done, queue.bytes, total()]).toEqual([1, 0, 6, 6]);
  await turn();
  expect([sent.length, done, queue.bytes, total()]).toEqual([2, 1, 3, 3]);
  await turn();
  expect([done, queue.bytes, total()]).toEqual([2, 0, 0]);
});

test('at the end everybody who waits is told, and nothing is counted any more', async () => {
  const { send, turn, queue, total } = line();
  const waiting = [send('stream', 'first'), send('stream', 'second'), send('ack', 'third')].map((sent) =>
    sent.catch((error: Error) => error.message),
  );
  queue.end(new Error('over'));
  await turn();
  expect(await Promise.all(waiting)).toEqual([undefined, 'over', 'over']);
  await expect(send('ack', 'late')).rejects.toThrow('over');
  expect([queue.bytes, total()]).toEqual([0, 0]);
});

test('one that fails does not hold up the next', async () => {
  const { send, turn, fail, queue } = line();
  const first = send('stream', 'first');
  const second = send('stream', 'second');
  fail(new Error('broken'));
  await expect(first).rejects.toThrow('broken');
  await turn();
  await second;
  expect(queue.bytes).toBe(0);
});
