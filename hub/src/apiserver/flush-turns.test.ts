import { expect, test } from 'vitest';
import { FlushTurns } from './flush-turns.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a few are done before anything else is; many leave others their turn', async () => {
  const turns = new FlushTurns();
  const done: number[] = [];
  turns.add(() => done.push(0));
  expect(done).toEqual([]);
  await Promise.resolve();
  expect(done).toEqual([0]);
  await turn();
  for (let at = 1; at <= 200; at++) turns.add(() => done.push(at));
  await Promise.resolve();
  expect(done).toHaveLength(65);
  // What comes meanwhile waits its turn.
  turns.add(() => done.push(201));
  for (let at = 0; at < 10; at++) await turn();
  expect(done).toEqual(Array.from({ length: 202 }, (_, at) => at));
  turns.add(() => done.push(202));
  await Promise.resolve();
  expect(done).toHaveLength(203);
});
