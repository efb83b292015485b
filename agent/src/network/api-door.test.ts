import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeListeners } from '@flotilla/shared/platform/fake-listeners.js';
import type { Listeners } from '@flotilla/shared/platform/listeners.js';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LinkChannel } from '#hublink/types.ts';
import { ApiDoor } from './api-door.ts';

const gateway = '100.64.0.1';
const port = 16443;

let clock: FakeClock;
let listeners: FakeListeners;
let door: ApiDoor;
let called: number[];

const channel = (session = 7): LinkChannel => ({
  session,
  bootId: 'boot',
  send: async (_kind, value) => void called.push((value as { call: number }).call),
  open: () => expect.fail('nothing is opened'),
});
const closed = async (socket: Duplex): Promise<unknown> => socket.closed || once(socket, 'close');
const never = new AbortController().signal;

beforeEach(() => {
  clock = new FakeClock();
  listeners = new FakeListeners();
  called = [];
  door = new ApiDoor({ clock, logger: silentLogger, listeners });
});

describe('api door', () => {
  it('tells pods one name on every board, and loopback to those on the host’s network', () => {
    expect(door.placeFor(gateway)).toEqual({ host: 'kubernetes.default.svc', port, address: gateway });
    expect(door.placeFor(undefined).address).toBe('127.0.0.1');
  });

  it('passes bytes both ways once the hub has answered, each way with an end of its own', async () => {
    await door.ensure(gateway);
    door.begin(channel());
    const pod = listeners.connect(gateway, port);
    expect(called).toEqual([1]);
    const stream = door.take(1, never);
    pod.end('question');
    const heard: string[] = [];
    for await (const { data } of stream.output) heard.push(data.toString());
    expect(heard.join('')).toBe('question');
    await stream.write(Buffer.from('answer'));
    stream.end();
    expect(Buffer.concat(await pod.toArray()).toString()).toBe('answer');
    expect(() => door.take(1, never)).toThrow('no call 1 waits here');
  });

  it('listens anew, once, when the network it listened on was made anew', async () => {
    let [opened, there] = [0, true];
    const changing: Listeners = {
      listen: async (at, accept) => {
        opened++;
        return { ...(await listeners.listen(at, accept)), current: async () => there };
      },
    };
    door = new ApiDoor({ clock, logger: silentLogger, listeners: changing });
    for (let pod = 0; pod < 3; pod++) await door.ensure(gateway);
    expect(opened).toBe(1);
    there = false;
    await Promise.all([1, 2, 3].map(() => door.ensure(gateway)));
    expect(opened).toBe(2);
    door.begin(channel());
    listeners.connect(gateway, port);
    expect(called).toEqual([1]);
  });

  it('hangs up where there is no hub, when the link ends, and when the hub does not answer', async () => {
    await door.ensure(gateway);
    const refused = listeners.connect(gateway, port);
    await closed(refused);
    door.begin(channel());
    const cut = listeners.connect(gateway, port);
    door.end();
    await closed(cut);
    door.begin(channel(8));
    const unanswered = listeners.connect(gateway, port);
    await clock.advance(10_000);
    await closed(unanswered);
    expect(called).toEqual([1, 1]);
    expect(() => door.take(1, never)).toThrow();
  });

  it('takes so many callers and no more', async () => {
    await door.ensure(gateway);
    door.begin(channel());
    const waiting = Array.from({ length: 16 }, () => listeners.connect(gateway, port));
    const turnedAway = listeners.connect(gateway, port);
    await closed(turnedAway);
    expect(called).toHaveLength(16);
    expect(waiting.every((socket) => !socket.destroyed)).toBe(true);
    waiting[0]?.destroy();
    await clock.advance(0);
    listeners.connect(gateway, port);
    expect(called).toHaveLength(17);
  });

  it('waits for an address that comes with the first pod', async () => {
    listeners.missing.add(gateway);
    await door.ensure(gateway);
    expect(() => listeners.connect(gateway, port)).toThrow('ECONNREFUSED');
    listeners.missing.clear();
    await Promise.all([door.ensure(gateway), door.ensure(gateway)]);
    expect(listeners.connect(gateway, port)).toBeDefined();
    door.stop();
    await clock.advance(0);
    expect(() => listeners.connect(gateway, port)).toThrow('ECONNREFUSED');
  });
});
