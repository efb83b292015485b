import { Uplink } from '@flotilla/agent/hublink/uplink.js';
import { WireCount } from '@flotilla/agent/hublink/wire-count.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { encodeData } from '@flotilla/shared/protocol/frame.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../harness/until.ts';
import { introduction, type OneBoardLine, openOneBoardLine, scope } from './one-board-line.ts';

/** What a stream puts in front of a report on a slow line. */

const clock = new SystemClock();
/** Far more than a second of the line, far less than buffers take. */
const muchBytes = 1_000_000;

let line: OneBoardLine;
let received: { stream: number; reports: number };

beforeAll(async () => {
  line = await openOneBoardLine('127.0.0.61', clock, {
    message: (_session, kind, payload) => {
      if (kind === 'stream') received.stream += payload.length;
      if (kind === 'report') received.reports++;
    },
  });
});
afterAll(() => line?.close());

async function connect(): Promise<{ pipe: DevicePipe; wire: WireCount }> {
  const wire = new WireCount();
  const pipe = await line.courier(wire).connect(introduction, { message: () => {}, closed: () => {} });
  await line.session();
  return { pipe, wire };
}

/** @returns whether a report came before much more of a stream did */
async function overtakes(pipe: DevicePipe): Promise<boolean> {
  received = { stream: 0, reports: 0 };
  const uplink = new Uplink({ pipe, clock, scope, meter: undefined });
  const stream = async (): Promise<void> => {
    for (let offset = 0; ; offset += 16_384)
      await uplink.send('stream', encodeData({ stream: 1, channel: 1, offset, data: Buffer.alloc(16_384) }));
  };
  const ended = stream().catch(() => {});
  try {
    await until('the line is full', async () => received.stream > 600_000);
    const before = received.stream;
    await uplink.send('report', Buffer.from([1]));
    await until('either', async () => received.reports > 0 || received.stream - before > muchBytes);
    return received.reports > 0;
  } finally {
    uplink.close(new Error('enough'));
    pipe.close();
    await ended;
  }
}

test('a report overtakes a stream that would fill every buffer on the way', async () => {
  const { pipe, wire } = await connect();
  line.proxy.shape({ bytesPerSecond: 400_000, delayMs: 50 });
  expect(await overtakes(pipe)).toBe(true);
  // Handshake, messages and TLS.
  expect(wire.up).toBeGreaterThan(600_000);
  expect(wire.down).toBeGreaterThan(1_000);
  expect(wire.connections).toBe(1);
});

test('it would not if the line was not measured', async () => {
  line.proxy.shape({});
  const { pipe } = await connect();
  line.proxy.shape({ bytesPerSecond: 400_000, delayMs: 50 });
  const { arrived: _, ...blind } = pipe;
  expect(await overtakes(blind)).toBe(false);
});
