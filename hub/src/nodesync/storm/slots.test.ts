import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

test('so many at once, so many wait in order, one more is sent away', async () => {
  const slots = new Slots({ atOnce: 2, waiting: 2 });
  expect([slots.enter(), slots.enter()]).toEqual([undefined, undefined]);
  const order: string[] = [];
  const third = (slots.enter() as Promise<void>).then(() => order.push('third'));
  const fourth = (slots.enter() as Promise<void>).then(() => order.push('fourth'));
  expect(slots.enter()).toBe('full');
  expect(slots.load).toEqual({ busy: 2, waiting: 2 });
  slots.leave();
  await third;
  expect(order).toEqual(['third']);
  slots.leave();
  await fourth;
  slots.leave();
  slots.leave();
  expect(slots.load).toEqual({ busy: 0, waiting: 0 });
  expect(slots.enter()).toBeUndefined();
});
