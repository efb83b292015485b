import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import { describe, expect, it } from 'vitest';
import { BoardTime } from './board-time.ts';
import { EventOutbox } from './event-outbox.ts';
import { Sequence } from './sequence.ts';
import { StatusReporter } from './status-reporter.ts';

async function setUp(): Promise<{
  clock: FakeClock;
  reporter: StatusReporter;
  sent: StatusReport[];
  pods: Map<string, Record<string, unknown>>;
  events: EventOutbox;
  link: { connected: boolean; fail: boolean; report: (report: StatusReport) => Promise<void> };
  acknowledged: string[];
  /** Milliseconds at which a report was sent, whatever came of it. */
  tried: number[];
  node: { status: Record<string, unknown> };
}> {
  const clock = new FakeClock();
  const sent: StatusReport[] = [];
  const acknowledged: string[] = [];
  const tried: number[] = [];
  const pods = new Map<string, Record<string, unknown>>();
  const node = { status: {} };
  const link = {
    connected: true,
    fail: false,
    async report(report: StatusReport) {
      tried.push(clock.monotonicMs());
      await clock.sleep('wire', 50);
      if (link.fail) throw new Error('the session ended');
      sent.push(report);
    },
  };
  const files = new FakeFiles();
  await files.mkdir('/d');
  const time = new BoardTime({ clock, files, logger: silentLogger, path: '/d/time' });
  const events = new EventOutbox({ clock, files, logger: silentLogger, time, dir: '/d/events', nodeName: 'board' });
  const pod = (uid: string): { uid: string; namespace: string; name: string; status: Record<string, unknown> } | undefined => {
    const status = pods.get(uid);
    return status && { uid, namespace: 'n', name: uid, status };
  };
  const reporter = new StatusReporter({
    ...{ clock, logger: silentLogger, random: new SeededRandom(1), link, events, pod },
    sequence: await Sequence.open(files, '/d/run', clock),
    pods: () => pods.keys(),
    node: () => ({ labels: {}, taints: [], ...node }),
    applied: () => undefined,
    acknowledged: (report) => acknowledged.push(report.uid),
  });
  return { clock, reporter, sent, pods, events, link, acknowledged, tried, node };
}

describe('status reporter', () => {
  it('sends what matters at once, the rest within a second, and nothing twice', async () => {
    const { clock, reporter, sent, pods } = await setUp();
    pods.set('a', { phase: 'Pending' });
    reporter.podChanged('a');
    await clock.advance(60);
    expect(sent).toHaveLength(1);
    pods.set('a', { phase: 'Pending', message: 'still' });
    reporter.podChanged('a');
    await clock.advance(900);
    expect(sent).toHaveLength(1);
    await clock.advance(200);
    expect(sent).toHaveLength(2);
    pods.set('a', { phase: 'Running', message: 'still' });
    reporter.podChanged('a');
    reporter.podChanged('a');
    await clock.advance(60);
    reporter.podChanged('a');
    await clock.advance(5000);
    expect(sent.map(({ pods: list }) => list[0]?.status['phase'])).toEqual(['Pending', 'Pending', 'Running']);
    const sequences = sent.map(({ pods: list }) => list[0]?.sequence ?? 0);
    expect(sequences).toEqual([...sequences].sort((x, y) => x - y));
    expect(reporter.idle).toBe(true);
  });

  it('waits longer and longer with a hub that refuses, whatever changes meanwhile; a new session begins anew', async () => {
    const { clock, reporter, pods, link, tried } = await setUp();
    link.fail = true;
    reporter.connected();
    for (let second = 0; second < 600; second++) {
      pods.set('a', { phase: second % 2 === 0 ? 'Pending' : 'Running' });
      reporter.podChanged('a');
      await clock.advance(1_000);
    }
    // Drawn from 0 to 5, 10, 20 and then 30 seconds.
    expect(tried.length).toBeLessThan(80);
    expect(tried.length).toBeGreaterThan(20);
    const refused = tried.length;
    link.fail = false;
    reporter.connected();
    await clock.advance(100);
    expect(tried.length).toBe(refused + 1);
    expect(reporter.idle).toBe(true);
  });

  it('sends what it says of the node again until it is acknowledged', async () => {
    const { clock, reporter, sent, link, node } = await setUp();
    reporter.connected();
    await clock.advance(2_000);
    node.status = { ready: true };
    link.fail = true;
    reporter.nodeChanged();
    await clock.advance(2_000);
    expect(sent).toHaveLength(1);
    link.fail = false;
    await clock.advance(10_000);
    expect(sent.map((report) => report.node?.status)).toEqual([{}, { ready: true }]);
    expect(reporter.idle).toBe(true);
  });

  it('has one report under way, and the rest in the next', async () => {
    const { clock, reporter, sent, pods } = await setUp();
    for (const uid of ['a', 'b', 'c', 'd']) {
      pods.set(uid, { phase: 'Running' });
      reporter.podChanged(uid);
      await clock.advance(10);
    }
    await clock.advance(200);
    expect(sent.map(({ pods: list }) => list.map(({ uid }) => uid))).toEqual([['a'], ['b', 'c', 'd']]);
  });

  it('begins a session with all of it, and repeats what was not acknowledged', async () => {
    const { clock, reporter, sent, pods, link, acknowledged, events } = await setUp();
    link.connected = false;
    pods.set('a', { phase: 'Running' });
    reporter.podChanged('a');
    events.add({ involvedObject: { kind: 'Pod', name: 'a' }, type: 'Normal', reason: 'Started', message: 'm' });
    reporter.eventAdded();
    await clock.advance(10_000);
    expect(sent).toEqual([]);
    link.connected = true;
    link.fail = true;
    reporter.connected();
    await clock.advance(1000);
    link.fail = false;
    await clock.advance(10_000);
    expect(sent).toMatchObject([{ full: true, pods: [{ uid: 'a' }], events: [{ id: '0-1' }], node: {} }]);
    expect(acknowledged).toEqual(['a']);
    expect(events.next(10)).toEqual([]);
    reporter.connected();
    await clock.advance(1000);
    expect(sent[1]).toMatchObject({ full: true, pods: [{ uid: 'a', sequence: sent[0]?.pods[0]?.sequence }], events: [] });
  });
});

describe('sequence', () => {
  it('only grows, across restarts and a lost record', async () => {
    const [files, clock] = [new FakeFiles(), new FakeClock()];
    await files.mkdir('/d');
    const first = await Sequence.open(files, '/d/run', clock);
    const last = [first.next(), first.next()].at(-1) ?? 0;
    files.restore();
    const second = await Sequence.open(files, '/d/run', clock);
    expect(second.next()).toBeGreaterThan(last);
    await clock.advance(5000);
    await files.remove('/d/run.0');
    await files.remove('/d/run.1');
    expect((await Sequence.open(files, '/d/run', clock)).next()).toBeGreaterThan(second.next());
  });

  it.each([0, 1970, 2038, 2099, 9999])('are whole numbers on a board that thinks it is %s', async (year) => {
    const files = new FakeFiles();
    await files.mkdir('/d');
    const clock = new FakeClock(year === 0 ? 0 : Date.UTC(year, 11, 31));
    const first = (await Sequence.open(files, '/d/run', clock)).next();
    const second = (await Sequence.open(files, '/d/run', clock)).next();
    expect([Number.isSafeInteger(first), Number.isSafeInteger(second), first > 0, second > first]).toEqual([true, true, true, true]);
  });

  it('is there on a full disk too', async () => {
    const [files, clock] = [new FakeFiles(), new FakeClock()];
    await files.mkdir('/d');
    await Sequence.open(files, '/d/run', clock);
    files.capacityBytes = 0;
    expect(await Sequence.open(files, '/d/run', clock)).toMatchObject({ saved: false });
    files.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await Sequence.open(files, '/d/run', clock)).toMatchObject({ saved: true });
  });
});

describe('a hub that still has what it acknowledged', () => {
  it('is told only what changed since', async () => {
    const { clock, reporter, sent, pods, link } = await setUp();
    pods.set('a', { phase: 'Running' });
    pods.set('b', { phase: 'Running' });
    expect(reporter.acknowledged).toBeUndefined();
    reporter.connected();
    await clock.advance(100);
    const highest = Math.max(...(sent[0]?.pods.map(({ sequence }) => sequence) ?? []), sent[0]?.node?.sequence ?? 0);
    expect([sent[0]?.full, reporter.acknowledged]).toEqual([true, highest]);

    reporter.connected(true);
    await clock.advance(10_000);
    expect(sent).toHaveLength(1);

    link.connected = false;
    pods.set('a', { phase: 'Failed' });
    reporter.podChanged('a');
    link.connected = true;
    expect(reporter.acknowledged).toBe(highest);
    reporter.connected(true);
    await clock.advance(100);
    expect(sent.slice(1).map(({ full, node, pods: told }) => [full, node, told.map(({ uid }) => uid)])).toEqual([
      [false, undefined, ['a']],
    ]);
    expect(reporter.acknowledged).toBeGreaterThan(highest);

    reporter.connected(false);
    await clock.advance(100);
    expect([sent[2]?.full, sent[2]?.pods.length]).toEqual([true, 2]);
  });

  it('is told everything when a full report did not arrive, whatever it says', async () => {
    const { clock, reporter, sent, pods, link } = await setUp();
    pods.set('a', { phase: 'Running' });
    link.fail = true;
    reporter.connected();
    await clock.advance(100);
    link.fail = false;
    expect(reporter.acknowledged).toBeUndefined();
    reporter.connected(true);
    await clock.advance(10_000);
    expect(new Set(sent.map(({ full }) => full))).toEqual(new Set([true]));
  });
});
