import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { IncidentLog } from './incident-log.ts';

test('what a board does all day is told once, and then seldom with its number', async () => {
  const clock = new FakeClock();
  const log = new IncidentLog(clock);
  const denied = { node: 'a', type: 'DeniedPublish', message: 'no' } as const;
  expect(log.message(denied)).toBe('no');
  for (let count = 0; count < 1000; count++) expect(log.message(denied)).toBeUndefined();
  expect(log.message({ ...denied, node: 'b' })).toBe('no');
  expect(log.message({ ...denied, type: 'SlowConsumer' })).toBe('no');
  await clock.advance(5 * 60_000);
  expect(log.message(denied)).toBe('no (and 1000 times more since it was told last)');
  await clock.advance(5 * 60_000);
  expect(log.message(denied)).toBe('no');
});
