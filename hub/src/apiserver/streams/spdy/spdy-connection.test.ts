import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { describe, expect, test, vi } from 'vitest';
import { type SpdyClient, spdyPair } from './spdy-client-fixture.ts';

const until = (holds: () => boolean): Promise<void> => vi.waitFor(() => expect(holds()).toBe(true), { timeout: 30_000 });

async function readAll(input: AsyncIterable<Buffer> | undefined): Promise<string> {
  let text = '';
  for await (const data of input ?? []) text += data.toString();
  return text;
}

describe('streams', () => {
  test('are answered, carry data both ways and end in each direction by itself', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { streamType: 'data', port: '80' });
    await client.synStream(3, { streamtype: 'error' });
    await until(() => streams.length === 2 && client.has('headers', 1) && client.has('headers', 3));
    const [data] = streams;
    expect([...(data?.headers ?? [])]).toEqual([
      ['streamtype', 'data'],
      ['port', '80'],
    ]);
    client.data(1, 'to the ');
    client.data(1, 'server', true);
    expect(await readAll(data?.input)).toBe('to the server');
    await data?.write(Buffer.from('to the client'));
    data?.end();
    await until(() => client.frames.some((frame) => frame.type === 'data' && frame.fin));
    expect(client.text(1)).toBe('to the client');
  });

  test('that are refused or have no right number are reset, and the others go on', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { refuse: 'this' });
    await client.synStream(3, { streamtype: 'data' });
    client.data(9, 'for nobody');
    await until(() => client.has('rst-stream', 1) && client.has('rst-stream', 9) && client.has('headers', 3));
    expect(streams).toHaveLength(1);
    expect(client.closed).toBe(false);
  });

  test('end for their readers and writers when the client resets them', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { streamtype: 'data' });
    await until(() => streams.length === 1);
    client.data(1, 'some');
    client.reset(1);
    await expect(readAll(streams[0]?.input)).rejects.toThrow('the client reset the stream');
    await expect(streams[0]?.write(Buffer.from('x'))).rejects.toThrow('the stream is over');
  });

  test('are limited in number: 512 at once, and room again when one has ended', async () => {
    const { client, streams } = spdyPair();
    for (let index = 0; index <= 512; index++) await client.synStream(2 * index + 1, { n: String(index) });
    await until(() => client.has('rst-stream', 1025));
    expect(streams).toHaveLength(512);
    client.data(1, '', true);
    streams[0]?.end();
    await client.synStream(1027, { n: 'another' });
    await until(() => streams.length === 513);
  });
});

describe('windows', () => {
  test('a client that keeps none gets everything without granting any', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { streamtype: 'stdout' });
    await until(() => streams.length === 1);
    await streams[0]?.write(Buffer.alloc(1_000_000, 'x'));
    await until(() => client.received(1) === 1_000_000);
  });

  test('a client that says SETTINGS gets as much as it allows, on the stream and in all', async () => {
    const { client, streams } = spdyPair();
    client.settings(10_000);
    await client.synStream(1, { streamtype: 'a' });
    await client.synStream(3, { streamtype: 'b' });
    await until(() => streams.length === 2);
    const first = streams[0]?.write(Buffer.alloc(100_000, 'x'));
    await until(() => client.received(1) === 10_000);
    client.windowUpdate(1, 90_000);
    // All streams together have 64 KiB of their own.
    await until(() => client.received(1) === 65_536);
    client.windowUpdate(0, 34_464);
    await first;
    await until(() => client.received(1) === 100_000);
  });

  test('a client that begins to grant later is believed from then on; what it got before counts', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { streamtype: 'a' });
    await until(() => streams.length === 1);
    await streams[0]?.write(Buffer.alloc(60_000, 'x'));
    client.windowUpdate(0, 60_000);
    client.windowUpdate(1, 10_000);
    client.ping(1);
    await until(() => client.has('ping', 1));
    const rest = streams[0]?.write(Buffer.alloc(100_000, 'x'));
    await until(() => client.received(1) === 75_536);
    client.windowUpdate(1, 200_000);
    await until(() => client.received(1) === 125_536);
    client.windowUpdate(0, 200_000);
    await rest;
  });

  test('what we take is granted again, what we do not take stops the client', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, { streamtype: 'stdin' });
    await until(() => streams.length === 1);
    let sent = 0;
    while (client.socket.writableLength < 200_000 && sent < 4_000_000) {
      client.data(1, Buffer.alloc(50_000));
      sent += 50_000;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(streams[0]?.input.size).toBeGreaterThan(900_000);
    expect(streams[0]?.input.size).toBeLessThan(1_500_000);
    expect(client.has('window-update')).toBe(false);
    client.data(1, '', true);
    expect((await readAll(streams[0]?.input)).length).toBe(sent);
    await until(() => client.has('window-update', 0) && client.has('window-update', 1));
  });
});

describe('a connection', () => {
  test('answers pings, asks a silent client and ends without an answer', async () => {
    const { client, clock, ran } = spdyPair();
    client.ping(7);
    await until(() => client.has('ping', 7));
    await clock.advance(60_000);
    await until(() => client.has('ping', 2));
    client.ping(2);
    await until(() => client.socket.writableLength === 0);
    await clock.advance(60_000);
    await until(() => client.frames.filter((frame) => frame.type === 'ping' && frame.id === 2).length === 2);
    await clock.advance(60_000);
    await ran;
  });

  test('ends its streams when the client hangs up', async () => {
    const { client, connection, streams, ran } = spdyPair();
    await client.synStream(1, { streamtype: 'stdin' });
    await until(() => streams.length === 1);
    client.socket.destroy();
    await ran;
    expect(connection.gone.aborted).toBe(true);
    await expect(readAll(streams[0]?.input)).rejects.toThrow('the client went away');
    await expect(streams[0]?.write(Buffer.from('x'))).rejects.toThrow();
  });

  test('that is closed lets the client read on and hang up, or hangs up itself', async () => {
    const { client, connection, streams, clock, ran } = spdyPair();
    await client.synStream(1, { streamtype: 'stdout' });
    await until(() => streams.length === 1);
    const closed = connection.close();
    await until(() => client.frames.some((frame) => frame.type === 'data' && frame.fin));
    expect(connection.gone.aborted).toBe(false);
    await clock.advance(10_000);
    await closed;
    await ran;
  });

  const rules: readonly [string, (client: SpdyClient) => Promise<void> | void][] = [
    ['a stream with an even number', (client) => client.synStream(2, {})],
    ['a number that was used', (client) => client.synStream(1, {}).then(() => client.synStream(1, {}))],
    ['a control frame of SPDY 2', (client) => void client.socket.write(Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]))],
    ['a control frame of more than 16 KiB', (client) => client.control(1, Buffer.alloc(16 * 1024 + 1))],
    ['a ping of the wrong length', (client) => client.control(6, Buffer.alloc(5))],
    ['settings that say more than they hold', (client) => client.control(4, Buffer.from([0, 0, 0, 9]))],
    ['data for stream 0', (client) => void client.socket.write(Buffer.alloc(8))],
    [
      'a header block that is no zlib',
      (client) => client.control(1, Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(30, 0xff)])),
    ],
    ['a header twice', (client) => client.synStream(1, { A: '1', a: '2' })],
    ['65 headers', (client) => client.synStream(1, Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, ''])))],
    ['a header block that inflates to a megabyte', (client) => client.synStream(1, { a: 'x'.repeat(1_000_000) })],
  ];
  test.each(rules)('ends with GOAWAY at %s', async (_, send) => {
    const { client, connection, broken, ran } = spdyPair();
    await send(client);
    await ran;
    expect(broken).toHaveLength(1);
    await until(() => client.has('goaway'));
    expect(connection.gone.aborted).toBe(true);
  });

  test('takes 64 headers and a header block of almost 16 KiB', async () => {
    const { client, streams } = spdyPair();
    await client.synStream(1, Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`h${n}`, ''])));
    await client.synStream(3, { a: 'x'.repeat(16_000) });
    await until(() => streams.length === 2);
    expect(streams[1]?.headers.get('a')).toHaveLength(16_000);
  });

  test('survives anything: 400 seeds of broken frames', async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed);
      const below = (bound: number): number => Math.floor(random.next() * bound);
      const { client, streams, ran } = spdyPair();
      await client.synStream(1, { streamtype: 'stdin' });
      for (let count = 0; count < 6; count++) {
        const bytes = Buffer.from(Array.from({ length: below(60) }, () => below(256)));
        const choice = below(3);
        if (choice === 0) client.control(below(11), bytes, below(4));
        else if (choice === 1) client.data(below(4) || 1, bytes, below(4) === 0);
        else client.socket.write(bytes);
      }
      client.socket.end();
      await ran;
      expect(streams.length, `seed ${seed}`).toBeLessThan(4);
    }
  });
});
