import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { Liveness } from './liveness.ts';

function setUp() {
  const clock = new FakeClock();
  const door = { waiting: 0 };
  const liveness = new Liveness({ clock, startGraceMs: 90_000, crowded: () => door.waiting > 0 });
  const told: string[] = [];
  liveness.onChange((node, alive) => told.push(`${node} ${alive ? 'alive' : 'offline'}`));
  return { clock, door, liveness, told };
}

test('a board is offline 2.5 keep-alives after it was last heard, not when its session ends', async () => {
  const { clock, liveness, told } = setUp();
  liveness.connected('a');
  liveness.disconnected('a', 20_000, 5_000);
  await clock.advance(44_999);
  expect(liveness.isAlive('a')).toBe(true);
  await clock.advance(1);
  expect(liveness.isAlive('a')).toBe(false);
  expect(told).toEqual(['a alive', 'a offline']);
});

test('coming back in time is no change', async () => {
  const { clock, liveness, told } = setUp();
  for (let count = 0; count < 10; count++) {
    liveness.connected('a');
    expect(liveness.awaySinceWallMs('a')).toBeUndefined();
    liveness.disconnected('a', 20_000, 0);
    await clock.advance(49_000);
  }
  expect(told).toEqual(['a alive']);
});

test('after a start nobody is offline before the grace is over', async () => {
  const { clock, liveness, told } = setUp();
  liveness.start(() => ['a', 'b']);
  liveness.connected('a');
  expect(liveness.isAlive('b')).toBe(true);
  await clock.advance(90_000);
  expect(liveness.isAlive('b')).toBe(false);
  expect(told).toEqual(['a alive', 'b offline']);
});

test('while boards wait at the door nobody is said to be away, but not for ever', async () => {
  const { clock, door, liveness, told } = setUp();
  liveness.start(() => ['a', 'b', 'c']);
  liveness.connected('a');
  liveness.disconnected('a', 20_000, 0);
  door.waiting = 900;
  await clock.advance(200_000);
  expect(['a', 'b', 'c'].map((node) => liveness.isAlive(node))).toEqual([true, true, true]);
  liveness.connected('b');
  door.waiting = 0;
  await clock.advance(10_000);
  expect(told.sort()).toEqual(['a alive', 'a offline', 'b alive', 'c offline']);
  told.length = 0;
  liveness.disconnected('b', 20_000, 0);
  door.waiting = 900;
  await clock.advance(50_000 + 5 * 60_000 - 1);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['b offline']);
});

test('a stop leaves no timer', () => {
  const { clock, liveness } = setUp();
  liveness.start(() => []);
  liveness.connected('a');
  liveness.disconnected('a', 20_000, 0);
  liveness.stop();
  expect(clock.pending()).toEqual([]);
});
