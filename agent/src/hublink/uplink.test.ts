import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { encodeData, encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { upTopic } from '@flotilla/shared/protocol/topics.js';
import { describe, expect, test } from 'vitest';
import { SlowLine, type SlowLineOptions } from './slow-line.ts';
import { Uplink } from './uplink.ts';

const scope = { clusterId: 'c', node: 'pi-1' };

function setUp(options: Partial<SlowLineOptions> & { seed?: number } = {}) {
  const clock = new FakeClock();
  const line = new SlowLine({ clock, random: new SeededRandom(options.seed ?? 1), bytesPerSecond: 8_000, delayMs: 1_000, ...options });
  const sent: string[] = [];
  const meter = { message: (direction: string, kind: string) => void sent.push(`${direction} ${kind}`), ping: () => {} };
  return { clock, line, sent, uplink: new Uplink({ pipe: line, clock, scope, meter }) };
}

/** Sends a stream as its sender does: one frame after the other, each when the one before was taken. */
async function stream(uplink: Uplink, id: number, bytes: number): Promise<void> {
  for (let offset = 0; offset < bytes; offset += 16_384) {
    await uplink.send('stream', encodeData({ stream: id, channel: 1, offset, data: Buffer.alloc(Math.min(16_384, bytes - offset), id) }));
  }
}

const kinds = (line: SlowLine): string[] => line.arrivals.map(({ topic }) => topic.split('/').at(-1) ?? '');
const bytesOf = (line: SlowLine, kind: string): number =>
  line.arrivals.filter(({ topic }) => topic === upTopic(scope, kind as 'stream')).reduce((sum, { payload }) => sum + payload.length, 0);

describe('a stream of 20 MB on a bad line', () => {
  /** How long reports and pings waited behind the stream, in milliseconds. */
  async function delays(options: Partial<SlowLineOptions> & { seed?: number }): Promise<number[]> {
    const { clock, line, uplink } = setUp(options);
    stream(uplink, 1, 20_000_000).catch(() => {});
    const pings: number[] = [];
    for (let count = 0; count < 40; count++) {
      await clock.advance(7_000);
      void uplink.send('report', encodeJson({ count })[0] as Buffer);
      void line.arrived();
      pings.push(line.pings.at(-1) ?? Number.NaN);
    }
    await clock.advance(60_000);
    expect(bytesOf(line, 'stream')).toBeGreaterThan(200_000);
    uplink.close(new Error('enough'));
    const reports = line.arrivals.filter(({ topic }) => topic === upTopic(scope, 'report'));
    expect(reports).toHaveLength(40);
    return [...pings, ...reports.map(({ waitedMs }) => waitedMs)];
  }

  test('holds heartbeat and status up by at most 6 s at 64 kbit/s, 2 s round trip and 5 % loss', async () => {
    const all: number[] = [];
    for (let seed = 1; seed <= 10; seed++) all.push(...(await delays({ seed, loss: 0.05 })));
    all.sort((a, b) => a - b);
    const [median = Number.NaN, nearly = Number.NaN, most = Number.NaN] = [0.5, 0.95, 0.99].map(
      (part) => all[Math.ceil(all.length * part) - 1],
    );
    expect(median).toBeLessThan(1_000);
    expect(nearly).toBeLessThan(3_000);
    // Of a hundred one may meet three lost packets in a row.
    expect(most).toBeLessThanOrEqual(6_000);
  });

  test('holds them up by little more than a second where nothing is lost', async () => {
    expect(Math.max(...(await delays({})))).toBeLessThan(2_000);
  });

  test('holds them up for minutes when nothing is measured', async () => {
    const { clock, line } = setUp();
    const { arrived: _, ...blind } = { send: line.send.bind(line), close: () => {}, arrived: undefined };
    const uplink = new Uplink({ pipe: blind, clock, scope, meter: undefined });
    void stream(uplink, 1, 1_000_000);
    await clock.advance(1_000);
    await uplink.send('report', encodeJson({})[0] as Buffer);
    await clock.advance(600_000);
    expect(line.arrivals.at(-1)?.waitedMs).toBeGreaterThan(100_000);
  });
});

test.each([
  ['64 kbit/s, 2 s round trip', { bytesPerSecond: 8_000, delayMs: 1_000 }, 0.6],
  ['1 Mbit/s, 100 ms', { bytesPerSecond: 125_000, delayMs: 50 }, 0.85],
  ['20 Mbit/s, 40 ms', { bytesPerSecond: 2_500_000, delayMs: 20 }, 0.85],
])('a stream has most of what a good line carries: %s', async (_name, shape, share) => {
  const { clock, line, uplink } = setUp(shape);
  stream(uplink, 1, 4_000_000_000).catch(() => {});
  await clock.advance(20_000);
  const before = bytesOf(line, 'stream');
  await clock.advance(10_000);
  expect((bytesOf(line, 'stream') - before) / 10 / shape.bytesPerSecond).toBeGreaterThan(share);
  uplink.close(new Error('enough'));
});

test('the line is measured anew when it changes', async () => {
  const { clock, line, uplink } = setUp({ bytesPerSecond: 125_000, delayMs: 50 });
  stream(uplink, 1, 4_000_000_000).catch(() => {});
  await clock.advance(5_000);
  line.change({ bytesPerSecond: 8_000, delayMs: 1_500 });
  await clock.advance(60_000);
  void line.arrived();
  expect(line.pings.at(-1)).toBeLessThan(3_000);
  line.change({ bytesPerSecond: 125_000, delayMs: 50 });
  await clock.advance(20_000);
  const before = bytesOf(line, 'stream');
  await clock.advance(10_000);
  expect(bytesOf(line, 'stream') - before).toBeGreaterThan(800_000);
  uplink.close(new Error('enough'));
});

test('streams rest while the board acts upon what the hub said; a report does not', async () => {
  const { clock, line, sent, uplink } = setUp();
  stream(uplink, 1, 4_000_000).catch(() => {});
  const frames = (): number => sent.filter((what) => what === 'up stream').length;
  await clock.advance(20_000);
  const first = frames();
  uplink.heard('ack');
  await clock.advance(2_000);
  const second = frames();
  expect(second).toBeGreaterThan(first);
  const pings = line.pings.length;
  uplink.heard('manifest');
  await clock.advance(1_000);
  void uplink.send('report', encodeJson({})[0] as Buffer);
  await clock.advance(1_900);
  expect(frames()).toBe(second);
  expect(sent.filter((what) => what === 'up report')).toHaveLength(1);
  // Something small follows what may be lost.
  expect(line.pings.length).toBeGreaterThanOrEqual(pings + 2);
  await clock.advance(10_000);
  expect(frames()).toBeGreaterThan(second);
  uplink.close(new Error('enough'));
});

test('what is more urgent goes first, each lane in order', async () => {
  const { clock, line, sent, uplink } = setUp();
  const json = (value: unknown): Buffer => encodeJson(value)[0] as Buffer;
  void stream(uplink, 1, 32_768);
  void stream(uplink, 2, 16_384);
  await clock.advance(0);
  for (const number of [1, 2]) void uplink.send('want', json({ number }));
  void uplink.send('stream', json({ op: 'credit' }), 'sync');
  void uplink.send('report', json({}));
  await clock.advance(60_000);
  const order = kinds(line).filter((kind, index, all) => kind !== all[index - 1]);
  expect(order).toEqual(['stream', 'report', 'want', 'stream']);
  const wants = line.arrivals.filter(({ topic }) => topic === upTopic(scope, 'want')).map(({ payload }) => payload.toString('utf8', 1));
  expect(wants).toEqual(['{"number":1}', '{"number":2}']);
  expect(sent.filter((what) => what === 'up want')).toHaveLength(2);
  // Cut to what the line carries, and whole again.
  const frames = line.arrivals.flatMap(({ payload }) => {
    const decoded = new FrameReader().read(payload);
    return decoded?.type === 'data' ? [decoded.frame] : [];
  });
  expect(Math.max(...frames.map(({ data }) => data.length))).toBeLessThanOrEqual(4096);
  for (const [id, bytes] of [
    [1, 32_768],
    [2, 16_384],
  ] as const) {
    const own = frames.filter(({ stream: one }) => one === id);
    const ends = own.map(({ offset, data }) => offset + data.length);
    expect(own.map(({ offset }) => offset)).toEqual([0, ...ends.slice(0, -1)]);
    expect(ends.at(-1)).toBe(bytes);
    expect(own.every(({ data }) => data.every((byte) => byte === id))).toBe(true);
  }
});

test('little costs no question, much does', async () => {
  const { clock, line, uplink } = setUp();
  for (let count = 0; count < 3; count++) await uplink.send('report', Buffer.alloc(1_000));
  await clock.advance(10_000);
  expect(line.pings).toHaveLength(0);
  await uplink.send('report', Buffer.alloc(5_000));
  expect(line.pings).toHaveLength(1);
});

test('what waits is bounded, and ends with the connection', async () => {
  const { clock, uplink } = setUp();
  const ends: string[] = [];
  // The first goes out at once.
  const sent = Array.from({ length: 10 }, async () => {
    try {
      await uplink.send('log', Buffer.alloc(1024 * 1024));
      ends.push('sent');
    } catch (error) {
      ends.push((error as Error).message);
    }
  });
  await clock.advance(0);
  expect(ends.sort()).toEqual(['8388608 bytes are waiting for the line already', 'sent']);
  uplink.close(new Error('cut'));
  await Promise.all(sent);
  expect(ends.filter((end) => end === 'cut')).toHaveLength(8);
  await expect(uplink.send('report', Buffer.alloc(1))).rejects.toThrow('cut');
});

test('what a broken connection never answered ends with it', async () => {
  const stuck = { send: () => new Promise<void>(() => {}), close: () => {} };
  const uplink = new Uplink({ pipe: stuck, clock: new FakeClock(), scope, meter: undefined });
  const sent = [uplink.send('report', Buffer.alloc(1)), uplink.send('stream', Buffer.alloc(1)), uplink.send('stream', Buffer.alloc(1))];
  uplink.close(new Error('cut'));
  expect((await Promise.allSettled(sent)).map((one) => (one.status === 'rejected' ? one.reason.message : 'sent'))).toEqual([
    'cut',
    'cut',
    'cut',
  ]);
});
