import { WireCount } from '@flotilla/agent/hublink/wire-count.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../harness/until.ts';
import { introduction, type OneBoardLine, openOneBoardLine, scope } from './one-board-line.ts';

/** The way to the hub that is opened while the runtime comes up. */

const deaf = { message: () => {}, closed: () => {} };

let line: OneBoardLine;

beforeAll(async () => {
  line = await openOneBoardLine('127.0.0.62', new SystemClock());
});
afterAll(() => line?.close());

test('is used by the first attempt, and until then the hub hears of no board', async () => {
  const wire = new WireCount();
  const courier = line.courier(wire);
  courier.prepare?.();
  // The hub's certificate has come, and its session tickets.
  await until('the hub was reached', async () => wire.down > 1_000);
  expect(line.broker.session(scope.node)).toBeUndefined();
  const pipe = await courier.connect(introduction, deaf);
  await line.session();
  expect(wire.connections).toBe(1);
  pipe.close();
  await line.ended();
});

test('is dialled anew when it broke meanwhile, or when the hub could not be reached', async () => {
  for (const cutFirst of [true, false]) {
    const wire = new WireCount();
    const courier = line.courier(wire);
    if (cutFirst) line.proxy.cut();
    courier.prepare?.();
    if (!cutFirst) {
      await until('the hub was reached', async () => wire.down > 1_000);
      line.proxy.cut();
    }
    line.proxy.mend();
    const connected = async () => courier.connect(introduction, deaf).catch(() => undefined);
    const pipe = await until('a connection', connected);
    await line.session();
    pipe.close();
    await line.ended();
  }
});
