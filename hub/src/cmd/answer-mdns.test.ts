import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { NetworkInterfaceInfo } from 'node:os';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { hubsInAnswer, mdnsQuestion } from '@flotilla/shared/protocol/mdns-messages.js';
import { expect, test } from 'vitest';
import { answerMdns } from './answer-mdns.ts';

const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });
const network = (cidr: string): NetworkInterfaceInfo =>
  ({ address: cidr.split('/')[0], cidr, family: 'IPv4', internal: false }) as unknown as NetworkInterfaceInfo;

test('a board on the same network gets the address it reaches; nobody else, and no noise, gets an answer', async () => {
  const [near, far] = [network('127.0.0.1/8'), network('10.9.0.1/16')];
  // One for each packet; the last for all that follow.
  const networks = [[far, near], [far, near], [far], [near]];
  const listen = { address: '127.0.0.1', port: 0 };
  const interfaces = (): readonly NetworkInterfaceInfo[] => (networks.length > 1 ? networks.shift() : networks[0]) ?? [];
  const hub = await answerMdns({ clock: new FakeClock(), logger, port: 6443, listen, interfaces });
  const board = createSocket('udp4');
  board.bind(0, '127.0.0.1');
  await once(board, 'listening');
  const heard: number[] = [];
  board.on('message', (packet) => {
    heard.push(packet.readUInt16BE(0));
    expect(hubsInAnswer(packet, packet.readUInt16BE(0))).toEqual([{ host: '127.0.0.1', port: 6443 }]);
  });
  const send = (packet: Buffer | string): void => board.send(packet, hub.port, '127.0.0.1');
  try {
    for (const packet of ['noise', mdnsQuestion(1), mdnsQuestion(2), mdnsQuestion(3)]) send(packet);
    await expect.poll(() => heard, { timeout: 60_000 }).toEqual([1, 3]);
  } finally {
    board.close();
    await hub.close();
  }
});

test('a crowd makes no louder noise of it than 50 answers a second', async () => {
  const listen = { address: '127.0.0.1', port: 0 };
  let looked = 0;
  const interfaces = (): readonly NetworkInterfaceInfo[] => {
    looked++;
    return [network('127.0.0.1/8')];
  };
  const hub = await answerMdns({ clock: new FakeClock(), logger, port: 6443, listen, interfaces });
  const crowd = createSocket('udp4');
  let heard = 0;
  crowd.on('message', () => heard++);
  try {
    const ask = (): number => {
      crowd.send(mdnsQuestion(1), hub.port, '127.0.0.1');
      return looked;
    };
    // So many were looked at in one second of this clock.
    await expect.poll(ask, { interval: 1, timeout: 60_000 }).toBeGreaterThan(60);
    await expect.poll(() => heard, { timeout: 60_000 }).toBe(50);
  } finally {
    crowd.close();
    await hub.close();
  }
});
