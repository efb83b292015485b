import { describe, expect, test } from 'vitest';
import { foreignOrigin } from '../server-upgrade.ts';
import { ByteQueue } from './byte-queue.ts';
import { rewritten, splitName } from './pod-proxy.ts';
import { chosenVersion } from './spdy-command.ts';
import { chosenProtocol, subprotocolBearer } from './sub-protocols.ts';
import { TerminalSizes } from './terminal-sizes.ts';

describe('the bytes between a client and a board', () => {
  test('come in order, with their number, and an error after what came before it', async () => {
    let taken = 0;
    const queue = new ByteQueue((bytes) => {
      taken += bytes;
    });
    queue.push(Buffer.from('one'));
    queue.push(Buffer.from('three'));
    expect(queue.size).toBe(8);
    queue.fail(new Error('gone'));
    const read: string[] = [];
    await expect(
      (async () => {
        for await (const data of queue) read.push(data.toString());
      })(),
    ).rejects.toThrow('gone');
    expect({ read, taken, size: queue.size }).toEqual({ read: ['one', 'three'], taken: 8, size: 0 });
  });

  test('wake a reader that waits, and are dropped where nobody reads', async () => {
    let taken = 0;
    const queue = new ByteQueue((bytes) => {
      taken += bytes;
    });
    const first = queue[Symbol.asyncIterator]().next();
    queue.push(Buffer.from('x'));
    expect((await first).value).toEqual(Buffer.from('x'));
    queue.drop();
    queue.push(Buffer.from('yz'));
    expect({ taken, size: queue.size }).toEqual({ taken: 3, size: 0 });
  });
});

test('terminal sizes are read from any pieces; nonsense is passed over', () => {
  const seen: unknown[] = [];
  const sizes = new TerminalSizes();
  const push = (text: string): void => sizes.push(Buffer.from(text));
  push('{"Width":80,"Hei');
  push('ght":24}\n{"Width":0,"Height":1}{"Width":"9","Height":9}{nonsense}');
  sizes.listen((size) => seen.push(size));
  push('{"Width":65535,"Height":1}{"Width":65536,"Height":1}');
  push('x'.repeat(5000));
  push('{"width":3,"height":4}');
  expect(seen).toEqual([
    { width: 80, height: 24 },
    { width: 65_535, height: 1 },
    { width: 3, height: 4 },
  ]);
});

describe('protocols', () => {
  test('the first of the client that is served is taken; none offered is none', () => {
    expect(chosenProtocol(['x', 'b', 'a'], ['a', 'b'])).toBe('b');
    expect(chosenProtocol([], ['a'])).toBeUndefined();
    expect(() => chosenProtocol(['x'], ['a'])).toThrow('client supports [x], server accepts [a]');
    expect(chosenVersion('v9, v4', ['v4'])).toBe('v4');
    expect(() => chosenVersion(undefined, ['v4'])).toThrow('X-Stream-Protocol-Version is required');
    expect(() => chosenVersion('v9', ['v4'])).toThrow('unable to negotiate protocol: client supports [v9], server accepts [v4]');
  });

  test('a token among them counts beside a real one only', () => {
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('a.b-c').toString('base64url')}`;
    expect(subprotocolBearer([token, 'v4.channel.k8s.io'])).toBe('a.b-c');
    expect(subprotocolBearer([token])).toBeUndefined();
    expect(subprotocolBearer([token, token, 'v4.channel.k8s.io'])).toBeUndefined();
    expect(chosenProtocol([token, 'a'], ['a'])).toBe('a');
  });

  test('a page of another site is known by its Origin', () => {
    const origin = (of: string | undefined): string | undefined =>
      foreignOrigin({ headers: { host: 'hub:6443', ...(of === undefined ? {} : { origin: of }) } });
    for (const own of [undefined, 'https://hub:6443', 'http://localhost']) expect(origin(own)).toBeUndefined();
    for (const foreign of ['https://hub', 'https://evil.example', 'null', 'http://localhost:3000', 'https://hub:6443.evil.example']) {
      expect(origin(foreign)).toBe(foreign);
    }
  });
});

describe('the proxy', () => {
  test.each([
    ['p', { scheme: 'http', name: 'p', port: undefined }],
    ['p:80', { scheme: 'http', name: 'p', port: 80 }],
    ['https:p:8443', { scheme: 'https', name: 'p', port: 8443 }],
    ['https:p:', { scheme: 'https', name: 'p', port: undefined }],
  ])('reads %s', (id, parts) => {
    expect(splitName(id)).toEqual(parts);
  });

  test.each(['', ':80', 'ftp:p:80', 'a:b:c:d', 'p:0', 'p:65536', 'p:http', 'p:-1'])('refuses %j', (id) => {
    expect(() => splitName(id)).toThrow(`invalid pod request ${JSON.stringify(id)}`);
  });

  test('keeps redirects within the pod behind itself', () => {
    const prefix = '/api/v1/namespaces/n/pods/p:80/proxy';
    const at = (location: string): string => rewritten(location, prefix, { host: 'hub:6443', pod: '10.0.0.1:80' });
    expect(at('/login?x=1')).toBe(`${prefix}/login?x=1`);
    expect(at(`${prefix}/there`)).toBe(`${prefix}/there`);
    expect(at('https://hub:6443/a')).toBe(`https://hub:6443${prefix}/a`);
    expect(at('http://10.0.0.1:80/a/')).toBe(`https://hub:6443${prefix}/a/`);
    for (const other of ['relative', 'https://elsewhere/a', '//elsewhere/a', 'mailto:x']) expect(at(other)).toBe(other);
  });
});
