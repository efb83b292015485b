import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../clock/fake-clock.ts';
import { nextTurn } from '../clock/next-turn.ts';
import { SeededRandom } from '../platform/random.ts';
import { retryDelays } from './retry-schedule.ts';
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts';
import { runWorkers } from './workers.ts';

function make(more: Partial<WorkQueueOptions> = {}): { clock: FakeClock; queue: WorkQueue } {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ name: 'test', clock, random: new SeededRandom(1), ...more }) };
}

describe('retry schedule', () => {
  it('doubles up to the maximum, and full jitter stays below each bound', () => {
    const plain = retryDelays({ baseMs: 5, maxMs: 50, jitter: 'none' }, new SeededRandom(1));
    expect(Array.from({ length: 6 }, () => plain.next().value)).toEqual([5, 10, 20, 40, 50, 50]);
    const bounds = [100, 200, 400, 400];
    const jittered = retryDelays({ baseMs: 100, maxMs: 400 }, new SeededRandom(7));
    const drawn = bounds.map(() => jittered.next().value);
    for (const [index, delay] of drawn.entries()) expect(delay).toBeLessThan(bounds[index] ?? 0);
    expect(new Set(drawn).size).toBeGreaterThan(1);
  });
});

describe('work queue', () => {
  it('makes many signals one, and brings a key again that was added while it was worked on', async () => {
    const { queue } = make();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(1);
    expect(await queue.get()).toBe('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
  });

  it('holds delayed keys back, the earlier of two delays counting', async () => {
    const { clock, queue } = make();
    queue.addAfter('a', 1000);
    queue.addAfter('a', 5000);
    queue.addAfter('a', 200);
    await clock.advance(199);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    await clock.advance(10_000);
    expect(queue.length).toBe(1);
  });

  it('backs off per key until it is forgotten', async () => {
    const { clock, queue } = make({ retry: { baseMs: 10, maxMs: 1000, jitter: 'none' } });
    const due: number[] = [];
    for (let round = 0; round < 3; round++) {
      queue.addRateLimited('a');
      const from = clock.monotonicMs();
      while (queue.length === 0) await clock.advance(1);
      due.push(clock.monotonicMs() - from);
      queue.done((await queue.get()) ?? '');
    }
    expect(due).toEqual([10, 20, 40]);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });

  it('refuses at its limit and counts it, and takes again below it', async () => {
    let dropped = 0;
    const { queue } = make({ maxKeys: 2, metrics: { dropped: () => dropped++ } });
    expect([queue.add('a'), queue.addAfter('b', 5), queue.add('c'), queue.add('a')]).toEqual([true, true, false, true]);
    expect(dropped).toBe(1);
    await queue.get();
    expect(queue.add('c')).toBe(true);
  });

  it('wakes its takers when it is shut down', async () => {
    const { clock, queue } = make();
    const taken = queue.get();
    queue.addAfter('later', 50);
    queue.shutDown();
    expect(await taken).toBeUndefined();
    expect(await queue.get()).toBeUndefined();
    expect(queue.add('a')).toBe(false);
    expect(clock.pending()).toEqual([]);
  });

  it('never works on a key twice at once and loses no signal', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      waitMs: fc.nat(5),
      delayMs: fc.nat(4),
      workMs: fc.nat(6),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 4 }), async (steps, workers) => {
        const { clock, queue } = make({ retry: { baseMs: 1, maxMs: 4 } });
        const stop = new AbortController();
        const running = new Set<string>();
        const asked = new Map<string, number>();
        const seen = new Map<string, number>();
        let overlap = false;
        let turn = 0;
        const done = runWorkers(
          {
            queue,
            workers,
            failed: () => {},
            work: async (key) => {
              overlap ||= running.has(key);
              running.add(key);
              const at = asked.get(key) ?? 0;
              const now = steps[turn++ % steps.length];
              await clock.sleep('work', now?.workMs ?? 0);
              running.delete(key);
              if (now?.fails && turn < 40) throw new Error('planned');
              seen.set(key, Math.max(at, seen.get(key) ?? 0));
              return undefined;
            },
          },
          stop.signal,
        );
        for (const [index, { key, waitMs, delayMs }] of steps.entries()) {
          asked.set(key, index + 1);
          queue.addAfter(key, delayMs);
          await clock.advance(waitMs);
        }
        await clock.advance(2000);
        stop.abort();
        await done;
        expect(overlap).toBe(false);
        expect(seen).toEqual(asked);
      }),
      { numRuns: 25 },
    );
  });
});

describe('workers', () => {
  it('requeue what asked for it, report failures, and end with the signal', async () => {
    const { clock, queue } = make({ retry: { baseMs: 10, maxMs: 10, jitter: 'none' } });
    const stop = new AbortController();
    const log: string[] = [];
    const done = runWorkers(
      {
        queue,
        workers: 2,
        failed: (key, error, failures) => log.push(`${key} failed ${failures}: ${String(error)}`),
        work: async (key) => {
          log.push(`${key} at ${clock.monotonicMs()}`);
          if (log.length === 1) throw new Error('first');
          return log.length < 5 ? { requeueAfterMs: 100 } : undefined;
        },
      },
      stop.signal,
    );
    queue.add('a');
    await clock.advance(1000);
    stop.abort();
    await done;
    expect(log).toEqual(['a at 0', 'a failed 1: Error: first', 'a at 10', 'a at 110', 'a at 210']);
  });

  it('that look for ever without waiting for anything leave turns to everybody else', async () => {
    const { queue } = make();
    const stop = new AbortController();
    let looks = 0;
    const work = async (): Promise<undefined> => {
      looks++;
      queue.add('round');
      return undefined;
    };
    queue.add('round');
    const done = runWorkers({ queue, workers: 2, failed: () => {}, work }, stop.signal);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    stop.abort();
    await done;
    expect(looks).toBeGreaterThan(1000);
  });
});
