import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { KeepAlive } from './keep-alive.ts';

const metered = { firstMs: 60_000, leastMs: 20_000, mostMs: 1_200_000 };

/** A board that is idle for so long behind a carrier that forgets silent connections after `natMs`. */
async function live(options: {
  readonly natMs: number;
  readonly hours: number;
  readonly outages?: number;
  readonly bounds?: typeof metered;
}) {
  const clock = new FakeClock();
  const keepAlive = new KeepAlive({ clock, bounds: options.bounds ?? metered });
  let again = false;
  keepAlive.onReconnect(() => {
    again = true;
  });
  const end = options.hours * 3_600_000;
  let [connects, deaths, outages] = [0, 0, options.outages ?? 0];
  let attempts = 1;
  while (clock.monotonicMs() < end) {
    connects++;
    again = false;
    const ms = keepAlive.next(attempts);
    keepAlive.connected(attempts);
    attempts = 1;
    while (!again && clock.monotonicMs() < end) {
      await clock.advance(ms);
      const away = outages > 0 && connects % 3 === 0;
      if (ms > options.natMs || away) {
        deaths++;
        if (away) {
          outages--;
          attempts = 7;
        }
        keepAlive.ended(true);
        await clock.advance(ms / 2);
        again = true;
        break;
      }
      keepAlive.pinged(ms);
    }
    if (attempts === 1 && deaths === 0) keepAlive.ended(false);
  }
  return { ms: keepAlive.ms, connects, deaths };
}

test('grows to its bound where nothing is forgotten, in few connections', async () => {
  const { ms, connects, deaths } = await live({ natMs: Number.POSITIVE_INFINITY, hours: 12 });
  expect(ms).toBe(1_200_000);
  expect(deaths).toBe(0);
  expect(connects).toBeLessThanOrEqual(10);
});

test.each([45_000, 100_000, 300_000, 700_000])("finds nearly the longest that a carrier's %i ms allow", async (natMs) => {
  const { ms, deaths } = await live({ natMs, hours: 20 });
  expect(ms).toBeLessThanOrEqual(natMs);
  expect(ms).toBeGreaterThan(natMs * 0.6);
  expect(deaths).toBeLessThan(10);
});

test('goes no lower than its bound, and tries again what did not work a day ago', async () => {
  expect((await live({ natMs: 5_000, hours: 5 })).ms).toBe(20_000);
  const clock = new FakeClock();
  const keepAlive = new KeepAlive({ clock, bounds: metered });
  const prove = (): void => {
    for (let count = 0; count < 3; count++) keepAlive.pinged(keepAlive.ms);
  };
  prove();
  expect(keepAlive.ms).toBe(90_000);
  keepAlive.ended(true);
  keepAlive.connected(1);
  expect(keepAlive.ms).toBe(60_000);
  prove();
  prove();
  expect(keepAlive.ms).toBeLessThan(90_000);
  await clock.advance(25 * 3_600_000);
  prove();
  prove();
  expect(keepAlive.ms).toBeGreaterThan(90_000);
});

test('learns nothing when the network was away', async () => {
  const { ms, deaths } = await live({ natMs: Number.POSITIVE_INFINITY, hours: 48, outages: 3 });
  expect(deaths).toBe(3);
  expect(ms).toBe(1_200_000);
});

test('a busy line proves nothing', () => {
  const keepAlive = new KeepAlive({ clock: new FakeClock(), bounds: metered });
  for (let count = 0; count < 10; count++) keepAlive.pinged(30_000);
  expect(keepAlive.ms).toBe(60_000);
});

test('stays where its bounds are one', async () => {
  const fixed = { firstMs: 20_000, leastMs: 20_000, mostMs: 20_000 };
  expect((await live({ natMs: 10_000, hours: 1, bounds: fixed })).ms).toBe(20_000);
  expect((await live({ natMs: 10_000_000, hours: 1, bounds: fixed })).connects).toBe(1);
});

test('what was said to be fixed is', async () => {
  const keepAlive = new KeepAlive({ clock: new FakeClock(), bounds: metered, fixedMs: 4_000 });
  for (let count = 0; count < 10; count++) keepAlive.pinged(4_000);
  keepAlive.resume(300_000);
  keepAlive.plan({ ...metered, firstMs: 20_000 });
  keepAlive.ended(true);
  expect(keepAlive.next(1)).toBe(4_000);
  keepAlive.connected(1);
  expect(keepAlive.ms).toBe(4_000);
});

test('another kind of link means another keep-alive, at once', () => {
  const keepAlive = new KeepAlive({ clock: new FakeClock(), bounds: metered });
  let wanted = 0;
  keepAlive.onReconnect(() => wanted++);
  keepAlive.plan({ ...metered });
  expect(wanted).toBe(0);
  keepAlive.plan({ firstMs: 20_000, leastMs: 20_000, mostMs: 20_000 });
  expect([keepAlive.ms, wanted]).toEqual([20_000, 1]);
});
