import { expect, test } from 'vitest';
import { FakeClock } from '../clock/fake-clock.ts';
import { ReceiveWindow } from './receive-window.ts';
import { StreamReceiver } from './stream-receiver.ts';
import { StreamSender } from './stream-sender.ts';

const mostBytes = 256 * 1024;

/** A stream through a line that takes everything at once, as buffers do, and a sender that always has more. */
function flow(line: { bytesPerSecond: number; delayMs: number }, paced = true) {
  const clock = new FakeClock();
  let freeMs = 0;
  let received = 0;
  const window = paced ? new ReceiveWindow({ clock, mostBytes }) : undefined;
  const receiver: StreamReceiver = new StreamReceiver(
    (bytes, total) => void clock.after('credit', line.delayMs, () => sender.credit(bytes, total)),
    mostBytes,
    window,
  );
  const sender = new StreamSender({
    id: 1,
    credit: receiver.firstCredit,
    signal: new AbortController().signal,
    send: async (frame) => {
      freeMs = Math.max(freeMs, clock.monotonicMs()) + (frame.data.length / line.bytesPerSecond) * 1000;
      clock.after('frame', freeMs - clock.monotonicMs() + line.delayMs, () => receiver.data(frame));
    },
  });
  const send = async (): Promise<void> => {
    for (;;) await sender.write(0, Buffer.alloc(16_384));
  };
  const read = async (): Promise<void> => {
    for await (const { data } of receiver) received += data.length;
  };
  void send();
  void read();
  return {
    clock,
    line,
    window,
    received: () => received,
    /** How long something that is sent now would stand behind the stream. */
    queueMs: () => Math.max(0, freeMs - clock.monotonicMs()),
    failure: () => receiver.failure,
  };
}

async function longestQueue(it: ReturnType<typeof flow>, seconds: number): Promise<number> {
  let most = 0;
  for (let count = 0; count < seconds * 4; count++) {
    await it.clock.advance(250);
    most = Math.max(most, it.queueMs());
  }
  return most;
}

test.each([
  ['64 kbit/s, 2 s round trip', { bytesPerSecond: 8_000, delayMs: 1_000 }, 0.35],
  ['1 Mbit/s, 100 ms', { bytesPerSecond: 125_000, delayMs: 50 }, 0.8],
  ['20 Mbit/s, 40 ms', { bytesPerSecond: 2_500_000, delayMs: 20 }, 0.8],
])('a stream fills a line, and not the way in front of what is more urgent: %s', async (_name, line, share) => {
  const it = flow(line);
  await it.clock.advance(30_000);
  const before = it.received();
  expect(await longestQueue(it, 30)).toBeLessThan(2_500);
  expect((it.received() - before) / 30 / line.bytesPerSecond).toBeGreaterThan(share);
  expect(it.failure()).toBeUndefined();
});

test('a fixed window would', async () => {
  const it = flow({ bytesPerSecond: 8_000, delayMs: 1_000 }, false);
  expect(await longestQueue(it, 60)).toBeGreaterThan(20_000);
});

test('follows a line that becomes slow, and fast again', async () => {
  const it = flow({ bytesPerSecond: 125_000, delayMs: 50 });
  await it.clock.advance(10_000);
  it.line.bytesPerSecond = 8_000;
  await it.clock.advance(60_000);
  expect(await longestQueue(it, 30)).toBeLessThan(3_000);
  it.line.bytesPerSecond = 125_000;
  await it.clock.advance(30_000);
  const before = it.received();
  await it.clock.advance(10_000);
  expect(it.received() - before).toBeGreaterThan(800_000);
});

test('a sender with nothing to say changes nothing', async () => {
  const clock = new FakeClock();
  const window = new ReceiveWindow({ clock, mostBytes });
  window.granted(8_192, 0);
  await clock.advance(600_000);
  window.arrived(8_192);
  expect(window.bytes).toBe(8_192);
  expect(new ReceiveWindow({ clock, mostBytes: 1_000 }).bytes).toBe(1_000);
});
