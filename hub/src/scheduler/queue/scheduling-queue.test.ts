import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { podInfo } from '../cache/pod-info.ts';
import { ResourceTable } from '../cache/resources.ts';
import type { Plugin } from '../framework/plugin.ts';
import { Heap } from './heap.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

const plugins: Plugin[] = [
  { name: 'Fit', events: ['AssignedPodDelete', 'NodeAdd'] },
  { name: 'Taint', events: ['NodeTaintUpdate', 'NodeAdd'] },
];
const info = (name: string, priority = 0) =>
  podInfo({ metadata: { name, uid: name }, spec: { containers: [], priority } }, new ResourceTable());

function make(): { clock: FakeClock; queue: SchedulingQueue } {
  const clock = new FakeClock();
  return { clock, queue: new SchedulingQueue({ clock, plugins, ready: () => {} }) };
}

describe('heap', () => {
  it('gives what a sort would give', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const out = numbers.map(() => heap.pop());
        expect(out).toEqual([...numbers].sort((a, b) => a - b));
        expect(heap.pop()).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});

describe('scheduling queue', () => {
  it('gives priority first, then age, each pod once', () => {
    const { queue } = make();
    for (const pod of [info('a'), info('b', 5), info('c')]) queue.add(pod);
    expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()].map((queued) => queued?.pod.uid)).toEqual(['b', 'a', 'c', undefined]);
  });

  it('waits for an event that matters to who refused, and for the back-off', async () => {
    const { clock, queue } = make();
    queue.add(info('a'));
    const queued = queue.pop();
    if (!queued) throw new Error('nothing came');
    queue.refused(queued, new Set(['Fit']));
    queue.happened('NodeTaintUpdate');
    await clock.advance(5000);
    expect(queue.pop()).toBeUndefined();
    queue.happened('AssignedPodDelete');
    expect(queue.pop()).toBe(queued);
    queue.refused(queued, new Set(['Taint']));
    queue.happened('NodeTaintUpdate');
    expect(queue.pop()).toBeUndefined();
    await clock.advance(1999);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(1);
    expect(queue.pop()).toBe(queued);
  });

  it('looks again after five minutes although nothing happened, and stops', async () => {
    const { clock, queue } = make();
    queue.start();
    queue.add(info('a'));
    const queued = queue.pop();
    if (!queued) throw new Error('nothing came');
    queue.refused(queued, new Set(['Fit']));
    await clock.advance(299_000);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(31_000);
    expect(queue.pop()).toBe(queued);
    queue.stop();
    expect(clock.pending()).toEqual([]);
  });

  it('forgets what is removed, wherever it is, and moves what rises in priority', () => {
    const { queue } = make();
    for (const name of ['a', 'b', 'c']) queue.add(info(name));
    queue.remove('a');
    const risen = queue.get('c');
    if (risen) queue.update(risen, info('c', 9), true);
    expect([queue.pop(), queue.pop(), queue.pop()].map((queued) => queued?.pod.uid)).toEqual(['c', 'b', undefined]);
    expect(queue.size).toBe(2);
  });
});
