import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { BoardTraffic } from '@flotilla/shared/protocol/traffic-messages.js';
import { expect, test } from 'vitest';
import type { NodeChannel } from '../node-part.ts';
import { trafficPage } from './traffic-page.ts';
import { TrafficPart } from './traffic-part.ts';

const figures = (up: number, sinceMs = 1): BoardTraffic => ({
  sinceMs,
  monthSinceMs: 1,
  classes: { heartbeat: { up, down: 2 * up, monthUp: up, monthDown: 2 * up } },
  profile: 'default',
  shed: [],
  keepAliveMs: 20_000,
  flash: { bytes: 0, syncs: 0 },
});

function setUp() {
  const clock = new FakeClock();
  const counted: string[] = [];
  const part = new TrafficPart({ clock, count: (name, direction, bytes) => counted.push(`${name} ${direction} ${bytes}`) });
  const sent: { epoch: number; value: unknown }[] = [];
  const channel = (node: string, epoch: number): NodeChannel =>
    ({
      device: { node, epoch },
      send: async (_kind: string, value: unknown) => void sent.push({ epoch, value }),
    }) as unknown as NodeChannel;
  return { clock, part, counted, sent, channel };
}

test('asks a board that is there, and gives what one that is away said last', async () => {
  const { clock, part, sent, channel } = setUp();
  expect(await part.figures('pi-1')).toBeUndefined();
  const first = channel('pi-1', 1);
  part.begin(first);
  const answer = part.figures('pi-1');
  expect(sent).toEqual([{ epoch: 1, value: { session: 1, question: 1 } }]);
  // Of another session, and without the question: neither answers.
  part.receive('traffic', { session: 9, answer: 1, traffic: figures(5) }, first);
  part.receive('traffic', { session: 1, traffic: figures(6) }, first);
  part.receive('traffic', { session: 1, answer: 1, traffic: figures(7) }, first);
  expect((await answer)?.traffic).toEqual(figures(7));
  // A board cannot answer what another was asked.
  const other = channel('pi-2', 2);
  part.begin(other);
  const second = part.figures('pi-1');
  part.receive('traffic', { session: 2, answer: 2, traffic: figures(99) }, other);
  part.end(first);
  expect((await second)?.traffic).toEqual(figures(7));
  expect((await part.figures('pi-1'))?.traffic).toEqual(figures(7));
  // One that does not answer.
  const third = part.figures('pi-2');
  await clock.advance(15_000);
  expect((await third)?.traffic).toEqual(figures(99));
});

test('a board that never said anything and does not answer is an error', async () => {
  const { clock, part, channel } = setUp();
  part.begin(channel('pi-1', 1));
  const answer = part.figures('pi-1').catch((error: Error) => error.message);
  await clock.advance(15_000);
  expect(await answer).toBe('node pi-1 did not answer within 15 s');
  const many = Array.from({ length: 257 }, () => part.figures('pi-1').catch((error: Error) => error.message));
  expect(await many.at(-1)).toBe('256 boards are being asked already');
  await clock.advance(15_000);
  await Promise.all(many);
});

test('adds up what all boards say, each byte once', () => {
  const { part, counted, channel } = setUp();
  const board = channel('pi-1', 1);
  const say = (traffic: BoardTraffic): void => part.receive('traffic', { session: 1, traffic }, board);
  say(figures(100));
  expect(counted).toEqual([]);
  say(figures(150));
  say(figures(150));
  // It lost its disk and counts anew.
  say(figures(10, 2));
  expect(counted).toEqual(['heartbeat up 50', 'heartbeat down 100', 'heartbeat up 10', 'heartbeat down 20']);
});

test('the page has one board as JSON, and all as metrics', async () => {
  const { part, channel } = setUp();
  part.receive('traffic', { session: 1, traffic: figures(5) }, channel('pi-1', 1));
  const page = trafficPage(part);
  expect(JSON.parse((await page('pi-1')).body)).toMatchObject({ node: 'pi-1', traffic: figures(5) });
  expect((await page('')).body).toContain('flotilla_board_uplink_bytes_total{node="pi-1",class="heartbeat",direction="down"} 10\n');
  await expect(page('pi-9')).rejects.toThrow('"pi-9" not found');
});
