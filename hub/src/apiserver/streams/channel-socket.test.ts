import { EventEmitter } from 'node:events';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { ChannelSocket } from './channel-socket.ts';

test('a client that is not read from gets the answers to its pings unasked, and no other does', async () => {
  const clock = new FakeClock();
  const pongs: number[] = [];
  const socket = Object.assign(new EventEmitter(), {
    isPaused: false,
    pause: () => {
      socket.isPaused = true;
    },
    resume: () => {
      socket.isPaused = false;
    },
    pong: () => void pongs.push(clock.monotonicMs()),
    ping: () => void socket.emit('pong'),
    terminate: () => void socket.emit('close'),
  });
  const channels = new ChannelSocket({
    socket: socket as unknown as WebSocket,
    base64: false,
    clock,
    received: () => {},
    broke: () => {},
  });
  await clock.advance(300_000);
  expect(pongs).toEqual([]);
  const began = clock.monotonicMs();
  channels.pause();
  await clock.advance(46_000);
  expect(pongs.map((ms) => ms - began)).toEqual([15_000, 30_000, 45_000]);
  // Read from now and then only: what it asked may still wait behind much.
  for (let turn = 0; turn < 10; turn++) {
    channels.resume();
    await clock.advance(100);
    channels.pause();
    await clock.advance(6_000);
  }
  expect(pongs.length).toBe(7);
  channels.resume();
  await clock.advance(600_000);
  expect(pongs.length).toBeLessThanOrEqual(9);
  const before = pongs.length;
  channels.pause();
  socket.emit('close');
  await clock.advance(600_000);
  expect(pongs.length).toBe(before);
});
