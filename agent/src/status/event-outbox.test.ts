import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import { describe, expect, it } from 'vitest';
import { BoardTime } from './board-time.ts';
import { EventOutbox } from './event-outbox.ts';
import { isUpTo } from './event-segments.ts';

interface Scene {
  readonly clock: FakeClock;
  readonly files: FakeFiles;
  /** A new run of the agent on the same disk. */
  start(bootId?: string, saved?: boolean): Promise<{ readonly outbox: EventOutbox; readonly time: BoardTime }>;
}

async function scene(budgetBytes?: number): Promise<Scene> {
  const clock = new FakeClock();
  const files = new FakeFiles();
  await files.mkdir('/d');
  let run = 0;
  return {
    clock,
    files,
    async start(bootId = 'boot-1', saved = true) {
      const doors = { clock, files, logger: silentLogger };
      const time = new BoardTime({ ...doors, path: '/d/time' });
      await time.load(bootId);
      const outbox = new EventOutbox({ ...doors, time, dir: '/d/events', nodeName: 'board', ...(budgetBytes ? { budgetBytes } : {}) });
      run++;
      await outbox.load({ run, saved });
      if (!saved) run--;
      return { outbox, time };
    },
  };
}

const happens = (outbox: EventOutbox, message: string): void =>
  outbox.add({ involvedObject: { kind: 'Pod', namespace: 'n', name: 'p' }, type: 'Normal', reason: 'Tested', message });
const messages = (events: readonly BoardEvent[]): string[] => events.map(({ message }) => message);
const longText = 'x'.repeat(200);

describe('event outbox', () => {
  it('numbers events upwards over runs whose number could not be saved', async () => {
    const { clock, start } = await scene();
    const ids: string[] = [];
    for (const saved of [true, false, false, true, false, true, true]) {
      const { outbox } = await start('boot-1', saved);
      happens(outbox, 'm');
      happens(outbox, 'n');
      ids.push(...outbox.next(10).map(({ id }) => id));
      outbox.acknowledge(outbox.next(10));
      await clock.advance(10_000);
    }
    for (const [index, id] of ids.entries()) expect(index === 0 || !isUpTo(id, ids[index - 1] ?? ''), ids.join(' ')).toBe(true);
    expect(new Set(ids).size).toBe(14);
  });

  it('writes nothing for events that are acknowledged in time', async () => {
    const { clock, files, start } = await scene();
    const { outbox } = await start();
    const { steps } = files;
    for (let round = 0; round < 50; round++) {
      happens(outbox, `m${round}`);
      await clock.advance(2_000);
      outbox.acknowledge(outbox.next(10));
    }
    await clock.advance(60_000);
    expect(files.steps).toBe(steps);
  });

  it('writes what waits, many at once, and gives it out in order after SIGKILL, once', async () => {
    const { clock, files, start } = await scene();
    const { outbox } = await start();
    const { steps } = files;
    for (let count = 0; count < 20; count++) happens(outbox, `m${count}`);
    await clock.advance(5_000);
    // A directory and one file.
    expect(files.steps - steps).toBe(5);
    files.restore();
    const next = (await start()).outbox;
    happens(next, 'late');
    const wanted = [...Array.from({ length: 20 }, (_, count) => `m${count}`), 'late'];
    expect(messages(next.next(64))).toEqual(wanted);
    expect(new Set(next.next(64).map(({ id }) => id)).size).toBe(21);
    next.acknowledge(next.next(64));
    expect(next.next(64)).toEqual([]);
    await next.flush();
    files.restore();
    expect((await start()).outbox.next(64)).toEqual([]);
    expect(await files.list('/d/events')).toEqual([]);
  });

  it('loses nothing that was on disk, whenever the power fails', async () => {
    const live = async ({ clock, files, start }: Scene, safe: Set<string>, acknowledged: Set<string>, added: string[]): Promise<void> => {
      for (let run = 0; run < 2; run++) {
        const { outbox } = await start();
        for (let round = 0; round < 3; round++) {
          for (let count = 0; count < 30; count++) {
            added.push(`${run}.${round}.${count} ${longText}`);
            happens(outbox, added.at(-1) ?? '');
          }
          const waiting = messages(outbox.next(10_000));
          await outbox.flush();
          if (files.off) return;
          for (const message of waiting) safe.add(message);
          const sent = outbox.next(25);
          outbox.acknowledge(sent);
          for (const { message } of sent) acknowledged.add(message);
          await clock.advance(0);
        }
        await outbox.flush();
      }
    };
    const whole = await scene();
    const before = whole.files.steps;
    await live(whole, new Set(), new Set(), []);
    const steps = whole.files.steps - before;
    expect(steps).toBeGreaterThan(40);
    for (let step = 0; step < steps; step++) {
      const cut = await scene();
      const [safe, acknowledged, added] = [new Set<string>(), new Set<string>(), [] as string[]];
      cut.files.cutAfter(step);
      await live(cut, safe, acknowledged, added).catch(() => {});
      cut.files.restore();
      const { outbox } = await cut.start();
      const left = messages(outbox.next(10_000));
      for (const message of safe) if (!acknowledged.has(message)) expect(left, `cut at ${step}`).toContain(message);
      expect(left).toEqual(added.filter((message) => left.includes(message)));
    }
  });

  it('drops the oldest over its budget and says how many, once', async () => {
    const { clock, files, start } = await scene(20_000);
    const { outbox } = await start();
    for (let count = 0; count < 200; count++) happens(outbox, `${count} ${longText}`);
    await clock.advance(5_000);
    files.restore();
    let sizes = 0;
    for (const name of await files.list('/d/events')) sizes += (await files.readBytes(`/d/events/${name}`))?.length ?? 0;
    expect(sizes).toBeLessThan(20_000 + 16_384);
    const next = (await start()).outbox;
    const left = next.next(1000);
    const dropped = 200 - (left.length - 1);
    expect(left[0]).toMatchObject({ reason: 'EventsDropped', involvedObject: { kind: 'Node', name: 'board' } });
    expect(left[0]?.message).toMatch(new RegExp(`^${dropped} events of this board were dropped`));
    expect(left[1]?.message).toBe(`${dropped} ${longText}`);
    // What goes while that is on its way is told in a second one.
    for (let count = 0; count < 5; count++) happens(next, `more ${longText}`);
    next.acknowledge(left.slice(0, 1));
    const [second] = next.next(1);
    expect(second).toMatchObject({ reason: 'EventsDropped', message: expect.stringMatching(/^5 events/) });
    expect(second?.id).not.toBe(left[0]?.id);
    next.acknowledge(next.next(1));
    expect(next.next(1)[0]?.reason).toBe('Tested');
  });

  it('goes on without a damaged file and says so', async () => {
    const { files, start } = await scene();
    const { outbox } = await start();
    happens(outbox, 'kept');
    await outbox.flush();
    const [name] = await files.list('/d/events');
    files.corrupt(`/d/events/${name}`);
    const next = (await start()).outbox;
    expect(next.next(10).map(({ reason }) => reason)).toEqual(['EventsDropped']);
    happens(next, 'new');
    await next.flush();
    expect((await start()).outbox.next(10).map(({ reason }) => reason)).toEqual(['EventsDropped', 'Tested']);
  });

  it('stays in memory while the disk is full, and is written when there is room (R13)', async () => {
    const { clock, files, start } = await scene();
    const { outbox } = await start();
    files.capacityBytes = 0;
    happens(outbox, 'one');
    await clock.advance(30_000);
    expect(messages(outbox.next(10))).toEqual(['one']);
    files.capacityBytes = Number.POSITIVE_INFINITY;
    await clock.advance(120_000);
    expect(messages((await start()).outbox.next(10))).toEqual(['one']);
  });

  it('dates events of the boot before the hub was met, and marks those of an earlier boot as estimated', async () => {
    const { clock, start } = await scene();
    clock.reboot(0);
    const first = await start('boot-1');
    happens(first.outbox, 'old');
    await first.outbox.flush();
    await clock.advance(60_000);
    clock.reboot(0);
    const { outbox, time } = await start('boot-2');
    await clock.advance(10_000);
    happens(outbox, 'young');
    await clock.advance(50_000);
    const trueMs = Date.UTC(2026, 5, 1);
    time.heard(trueMs);
    expect(outbox.next(10)).toMatchObject([
      { message: 'old', notBeforeMs: 0, notAfterMs: trueMs - 60_000 },
      { message: 'young', wallMs: trueMs - 50_000, notBeforeMs: trueMs - 50_000, notAfterMs: trueMs - 50_000 },
    ]);
  });
});
