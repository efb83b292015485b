import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { type KeptLogMessage, keptLogBytes } from '@flotilla/shared/protocol/log-messages.js';
import { describe, expect, it } from 'vitest';
import type { LinkChannel } from '#hublink/types.ts';
import type { NewEvent, PodSnapshot } from '#pods/pod-doors.ts';
import { newPodMemory } from '#pods/pod-memory.ts';
import type { Ended } from '#pods/pod-record.ts';
import { RuntimeError } from '#runtime/types.ts';
import { FailedLogs } from './failed-logs.ts';

const minute = 60_000;
const stamp = '2026-01-01T00:00:00.000000000Z ';

async function scene(budgetBytes?: number) {
  const clock = new FakeClock();
  const files = new FakeFiles();
  await files.mkdir('/d');
  const pods = new Map<string, PodSnapshot>();
  const texts = new Map<string, string>();
  const events: NewEvent[] = [];
  const sent: KeptLogMessage[] = [];
  const runtime = {
    name: 'fake',
    async *logs(id: string) {
      const text = texts.get(id);
      if (text === undefined) throw new RuntimeError('NotFound', 'gone');
      for (let at = 0; at < text.length; at += 10_000) yield Buffer.from(text.slice(at, at + 10_000));
    },
  };
  const start = async (): Promise<FailedLogs> => {
    const doors = { clock, files, logger: silentLogger, runtime, snapshot: (uid: string) => pods.get(uid) };
    const more = budgetBytes === undefined ? {} : { budgetBytes };
    const logs = new FailedLogs({ ...doors, dir: '/d/logs', event: (event) => events.push(event), ...more });
    await logs.load();
    return logs;
  };
  const channel: LinkChannel = {
    session: 7,
    bootId: 'b',
    send: async (_kind, message) => void sent.push(message as KeptLogMessage),
    open: () => undefined,
  };
  /** Containers of the pod end; with it goes what it had written. */
  const fails = async (logs: FailedLogs, uid: string, container: string, attempt: number, text: string, exitCode = 1): Promise<void> => {
    const id = `${uid}-${container}-${attempt}`;
    texts.set(id, text);
    const ended: Ended = { attempt, id, image: '', imageId: '', exitCode, reason: 'Error' };
    const previous = pods.get(uid)?.record.containers[container]?.ended;
    const containers = { ...pods.get(uid)?.record.containers, [container]: { ...ended, ended, ...(previous ? { previous } : {}) } };
    const record = { namespace: 'n', name: uid, uid, startWallMs: 0, graceSeconds: 0, containers };
    pods.set(uid, { uid, pod: undefined, record, memory: newPodMemory(0), sandboxes: [], removing: false });
    logs.look(uid);
    await clock.advance(0);
  };
  const acknowledge = async (logs: FailedLogs, message = sent.at(-1)): Promise<void> => {
    logs.receive('log', { session: 7, containerId: message?.containerId }, channel);
    await clock.advance(0);
  };
  return { clock, files, pods, events, sent, start, channel, fails, acknowledge };
}

const textOf = (message: KeptLogMessage | undefined): string => Buffer.from(message?.log ?? '', 'base64').toString('utf8');

describe('the log of a container that failed', () => {
  it('is sent once, and nothing is written when the hub takes it soon', async () => {
    const { clock, files, sent, start, channel, fails, acknowledge } = await scene();
    const logs = await start();
    const { steps } = files;
    logs.begin(channel);
    await fails(logs, 'p', 'good', 0, 'x', 0);
    await fails(logs, 'p', 'bad', 0, `${stamp}boom\n`);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      session: 7,
      pod: { namespace: 'n', name: 'p', uid: 'p' },
      container: 'bad',
      containerId: 'fake://p-bad-0',
    });
    expect(textOf(sent[0])).toBe(`${stamp}boom\n`);
    await clock.advance(31_000 - 1_000);
    expect(sent).toHaveLength(2);
    await acknowledge(logs);
    logs.look('p');
    await clock.advance(minute);
    expect(sent).toHaveLength(2);
    // Only because the hub took so long.
    expect(files.steps).toBeGreaterThan(steps);
    const after = files.steps;
    await fails(logs, 'q', 'bad', 0, 'y');
    await acknowledge(logs);
    await clock.advance(minute);
    expect(files.steps).toBe(after);
  });

  it('waits on disk for the hub, over SIGKILL, and is sent in order', async () => {
    const { clock, files, sent, start, channel, fails, acknowledge } = await scene();
    const logs = await start();
    await fails(logs, 'p', 'a', 0, 'one');
    await fails(logs, 'q', 'a', 0, 'two');
    await clock.advance(10_000);
    files.restore();
    const next = await start();
    next.look('p');
    next.begin(channel);
    await clock.advance(0);
    for (let count = 0; count < 2; count++) await acknowledge(next);
    expect(sent.map(textOf)).toEqual(['one', 'two']);
    expect(await files.list('/d/logs')).toEqual([]);
    files.restore();
    const last = await start();
    last.begin(channel);
    expect(sent).toHaveLength(2);
  });

  it('is its last 64 KiB, from a whole line on', async () => {
    const { sent, start, channel, fails } = await scene();
    const logs = await start();
    logs.begin(channel);
    const lines = Array.from({ length: 3000 }, (_, line) => `${stamp}line ${line}\n`);
    await fails(logs, 'p', 'a', 0, lines.join(''));
    const text = textOf(sent[0]);
    expect(text.length).toBeLessThanOrEqual(keptLogBytes);
    expect(text.length).toBeGreaterThan(keptLogBytes - 100);
    expect(text.startsWith(stamp)).toBe(true);
    expect(text.endsWith('line 2999\n')).toBe(true);
  });

  it('of one that fails all the time is taken every ten minutes, the newest two kept', async () => {
    const { clock, files, start, channel, sent, fails, acknowledge } = await scene();
    const logs = await start();
    for (let attempt = 0; attempt < 60; attempt++) {
      await fails(logs, 'p', 'a', attempt, `attempt ${attempt}`);
      await clock.advance(minute);
    }
    await clock.advance(10_000);
    expect(await files.list('/d/logs')).toHaveLength(2);
    const { steps } = files;
    logs.begin(channel);
    await acknowledge(logs);
    expect(sent.map(({ attempt }) => attempt)).toEqual([49, 59]);
    expect(steps).toBeLessThan(60);
  });

  it('goes, the oldest first and told of, when too much waits', async () => {
    const { clock, files, events, start, fails } = await scene(20_000);
    const logs = await start();
    for (let pod = 0; pod < 10; pod++) await fails(logs, `p${pod}`, 'a', 0, 'x'.repeat(3000));
    await clock.advance(10_000);
    expect(await files.list('/d/logs')).toHaveLength(5);
    expect(events.map(({ reason, involvedObject }) => `${reason} ${involvedObject.name}`)).toEqual(
      ['p0', 'p1', 'p2', 'p3', 'p4'].map((name) => `LogDropped ${name}`),
    );
  });

  it('survives a power cut at any write, or is taken again from the runtime; a full disk loses nothing (R13)', async () => {
    for (let step = 0; step <= 12; step++) {
      const { clock, files, pods, sent, start, channel, fails, acknowledge } = await scene();
      const logs = await start();
      if (step === 12) files.capacityBytes = 0;
      else files.cutAfter(step);
      await fails(logs, 'p', 'a', 0, 'one');
      await clock.advance(10_000);
      await fails(logs, 'q', 'a', 0, 'two');
      await clock.advance(10_000);
      let now = logs;
      if (step === 12) {
        files.capacityBytes = Number.POSITIVE_INFINITY;
        await clock.advance(minute);
        expect(await files.list('/d/logs')).toHaveLength(2);
      } else {
        files.restore();
        now = await start();
        for (const uid of pods.keys()) now.look(uid);
      }
      await clock.advance(0);
      now.begin(channel);
      for (let count = 0; count < 2; count++) await acknowledge(now);
      expect(sent.map(textOf), `cut at ${step}`).toEqual(['one', 'two']);
    }
  });

  it('of a pod that was told to go is no failure', async () => {
    const { sent, pods, start, channel, fails, clock } = await scene();
    const logs = await start();
    logs.begin(channel);
    await fails(logs, 'p', 'a', 0, '', 0);
    const pod = pods.get('p') as PodSnapshot;
    const ended: Ended = { attempt: 0, id: 'x', image: '', imageId: '', exitCode: 137, reason: 'Error' };
    pods.set('p', { ...pod, removing: true, record: { ...pod.record, containers: { a: { ...ended, ended } } } });
    logs.look('p');
    await clock.advance(minute);
    expect(sent).toEqual([]);
  });
});
