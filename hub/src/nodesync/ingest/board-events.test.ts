import type { Event } from '@flotilla/shared/api/generated/types.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { BoardEvents } from './board-events.ts';

let plane: ControlPlane;
beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: [], scheduler: false });
});
afterEach(() => plane.stop());

const now = Date.UTC(2026, 0, 2);
const event = (id: string, more: Partial<BoardEvent> = {}): BoardEvent => ({
  ...{ id, type: 'Normal', reason: 'Started', message: 'Started container main', wallMs: now - 60_000 },
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'p', uid: 'u' },
  ...more,
});
const exact = (ms: number): Partial<BoardEvent> => ({ wallMs: ms, notBeforeMs: ms, notAfterMs: ms });
/** A session of a hub: it remembers nothing of the one before. */
const session = (): BoardEvents => new BoardEvents(plane.client, 'board');
const events = (): readonly Event[] => plane.client.informer<Event>('', 'events').list();

test('what repeats counts up; what is told again counts once, also by a hub that starts anew between taking and acknowledging', async () => {
  const first = session();
  for (const id of ['7-1', '7-2']) await first.record(event(id), now);
  await first.record(event('7-2'), now);
  const second = session();
  for (const id of ['7-1', '7-2', '7-10', '8-1']) await second.record(event(id), now);
  for (const id of ['7-10', '8-1']) await session().record(event(id), now);
  expect(events().map(({ count }) => count)).toEqual([4]);
  await session().record(event('8-2', { reason: 'Killing' }), now);
  expect(events().map(({ reason, count }) => `${reason} ${count}`)).toEqual(['Started 4', 'Killing 1']);
});

test('ids that are no numbers are told apart, and have no order', async () => {
  const both = session();
  for (const id of ['b', 'a']) await both.record(event(id), now);
  await session().record(event('a'), now);
  expect(events()[0]?.count).toBe(2);
});

test('true times count however long ago; an interval makes an estimate that says so', async () => {
  const ago = now - 90 * 86_400_000;
  await session().record(event('1-1', exact(ago)), now);
  expect(events()[0]).toMatchObject({ firstTimestamp: '2025-10-04T00:00:00Z', message: 'Started container main' });
  await session().record(event('1-2', { reason: 'Killing', wallMs: 0, notBeforeMs: ago, notAfterMs: now - 60_000 }), now);
  expect(events()[1]).toMatchObject({
    lastTimestamp: '2026-01-01T23:59:00Z',
    message: 'Started container main (time estimated: between 2025-10-04T00:00:00Z and 2026-01-01T23:59:00Z)',
    metadata: { annotations: { 'fleet.flotilla.dev/estimated-time': '2025-10-04T00:00:00Z/2026-01-01T23:59:00Z' } },
  });
  // Nothing happens in the future, whatever a board says; an old agent's clock counts for a day.
  await session().record(event('1-3', { reason: 'Ahead', ...exact(now + 86_400_000) }), now);
  await session().record(event('1-4', { reason: 'Old', wallMs: 0 }), now);
  for (const one of events().slice(2)) expect(one.lastTimestamp).toBe('2026-01-02T00:00:00Z');
});

test('the Events of one report commit together, and what repeats in it counts in order', async () => {
  const board = session();
  const report = [event('3-1'), event('3-2', { reason: 'Killing' }), event('3-3'), event('3-4', { reason: 'Pulled' })];
  const settled: string[] = [];
  await board.recordAll(report, now, async ({ id }, write) => {
    await write;
    settled.push(id);
  });
  expect(settled.sort()).toEqual(['3-1', '3-2', '3-3', '3-4']);
  const counts = Object.fromEntries(events().map(({ reason, count }) => [reason, count]));
  expect(counts).toEqual({ Started: 2, Killing: 1, Pulled: 1 });
  // Told again, in this session and in another, it changes nothing.
  const keep = (_event: BoardEvent, write: Promise<void>): Promise<void> => write;
  await board.recordAll(report, now, keep);
  await session().recordAll(report, now, keep);
  expect(Object.fromEntries(events().map(({ reason, count }) => [reason, count]))).toEqual(counts);
});
