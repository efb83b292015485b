import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { mdnsAnswer } from '@flotilla/shared/protocol/mdns-messages.js';
import { expect, test } from 'vitest';
import { findHubs } from './find-hubs.ts';

const random = new SystemRandom();

test('hubs that answer are found, once each; what is no answer to this question is not', async () => {
  const neighbour = createSocket('udp4');
  neighbour.bind(0, '127.0.0.1');
  await once(neighbour, 'listening');
  const to = { address: '127.0.0.1', port: neighbour.address().port };
  neighbour.on('message', (packet, { port, address }) => {
    const other = Buffer.from(packet);
    other.writeUInt16BE(packet.readUInt16BE(0) ^ 1, 0);
    const answers = [
      Buffer.from('noise'),
      mdnsAnswer(other, { host: '10.6.6.6', port: 1 }),
      ...['10.0.0.1', '10.0.0.2', '10.0.0.1'].map((host) => mdnsAnswer(packet, { host, port: 6443 })),
    ];
    for (const answer of answers) neighbour.send(answer ?? '', port, address);
  });
  try {
    expect((await findHubs({ clock: new SystemClock(), random, to })).sort()).toEqual(['https://10.0.0.1:6443', 'https://10.0.0.2:6443']);
  } finally {
    neighbour.close();
  }
});

test('where nobody answers it ends with nothing', async () => {
  const clock = new FakeClock();
  const search = findHubs({ clock, random, to: { address: '127.0.0.1', port: 9 } });
  await clock.advance(3000);
  expect(await search).toEqual([]);
});
