import { once } from 'node:events';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer, request } from 'node:https';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ChannelClient } from '@flotilla/hub/apiserver/streams/channel-client-fixture.js';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { streamingKubectls } from '../harness/debian-kubectl.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { LocalPods } from '../harness/local-pods.ts';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';

const found = await streamingKubectls();
const board = new LocalPods();
const logged: string[] = [];
const user = { name: 'the test', groups: ['system:masters'] };
const ctx = { user, warn: () => {} };
let hub: ApiHub;
let dir: string;
let web: Server;
let webPort: number;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-streams-'));
  hub = await startApiHub({ definitions, nodeConnector: board, log: (line) => logged.push(line) });
  await hub.registry.resource('', 'namespaces').create(ctx, '', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  await pod('one', ['main']);
  await pod('two', ['a', 'b']);
  await pod('far', ['main'], 'pi-away');
  await pod('unbound', ['main'], '');
  board.away.set('pi-away', Date.UTC(2026, 0, 1, 12));
  web = createHttpServer((asked, answer) => {
    if (asked.url === '/moved') return answer.writeHead(302, { location: '/there', 'access-control-allow-origin': '*' }).end();
    if (asked.url?.startsWith('/page')) {
      const packed = asked.url.endsWith('packed');
      const page = Buffer.from('<a href="/rewriteme">test</a>');
      answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...(packed ? { 'content-encoding': 'gzip' } : {}) });
      return void answer.end(packed ? gzipSync(page) : page);
    }
    if (asked.url?.startsWith('/echo')) {
      answer.writeHead(200, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'], 'x-asked': JSON.stringify(asked.headers) });
      return void asked.pipe(answer);
    }
    answer.end(`${asked.method} ${asked.url}`);
  });
  web.on('upgrade', (asked, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${asked.headers.upgrade}\r\n\r\n`);
    socket.pipe(socket);
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  webPort = (web.address() as { port: number }).port;
});
afterAll(async () => {
  web.closeAllConnections();
  web.close();
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => {
  board.refusal = undefined;
  await until('nothing is left running for a client that is gone', () => board.underWay === 0);
});

async function pod(name: string, containers: readonly string[], nodeName = 'pi-1'): Promise<void> {
  const spec = { ...(nodeName ? { nodeName } : {}), containers: containers.map((one) => ({ name: one, image: 'x', stdin: true })) };
  const pods = hub.registry.resource('', 'pods');
  await pods.create(ctx, 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec } as KubeObject);
  const containerStatuses = containers.map((one) => ({
    ...{ name: one, ready: true, image: 'x', imageID: '', restartCount: 0 },
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
  }));
  const status = { phase: 'Running', podIP: '10.0.0.5', containerStatuses };
  await pods.update(ctx, 'default', name, (current) => ({ ...current, status }), { subresource: 'status' });
}

describe.each(Object.entries(found))('the %s kubectl', (_age, command) => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = new Kubectl(command, hub.kubeconfig);
  });
  afterAll(() => kubectl.close());
  const started = (...args: string[]): Program => new Program('kubectl', kubectl.start(args));

  test('runs programs: output and errors apart, input to its end, exit codes', async () => {
    const said = await kubectl.run(['exec', 'one', '--', 'sh', '-c', 'echo out; echo wrong >&2; exit 7']);
    expect(said).toEqual({ code: 7, stdout: 'out\n', stderr: 'wrong\ncommand terminated with exit code 7\n' });
    expect(await kubectl.ok(['exec', '-i', 'one', '--', 'tr', 'a-z', 'A-Z'], { input: 'to its end' })).toBe('TO ITS END');
    expect(await kubectl.ok(['exec', 'one', '-c', 'main', '--', 'echo', 'a b', '']), 'arguments as they are').toBe('a b');
    expect(board.requests.at(-1)).toMatchObject({
      kind: 'exec',
      container: 'main',
      command: ['echo', 'a b', ''],
      stdin: false,
      tty: false,
    });
  });

  test('says what is wrong in the words of kube-apiserver and kubelet', async () => {
    const fails = (...args: string[]): Promise<string> => kubectl.fails(['exec', ...args, '--', 'true']);
    expect(await fails('one', '-c', 'nope')).toBe('Error from server (BadRequest): container nope is not valid for pod one');
    expect(await fails('none')).toBe('Error from server (NotFound): pods "none" not found');
    expect(await fails('unbound')).toBe('Error from server (BadRequest): pod unbound does not have a host assigned');
    expect(await fails('far')).toContain('node pi-away is offline since 2026-01-01T12:00:00Z');
    board.refusal = new StatusError(404, 'NotFound', 'container not found ("main")');
    expect(await fails('one')).toBe('error: unable to upgrade connection: container not found ("main")');
  });

  test('copies a folder there and back, with modes and links', async () => {
    const [from, there, back] = [join(dir, 'from'), mkdtempSync(join(dir, 'there-')), mkdtempSync(join(dir, 'back-'))];
    rmSync(from, { recursive: true, force: true });
    mkdirSync(from);
    writeFileSync(join(from, 'big'), Buffer.alloc(3_000_000, 'abc'));
    writeFileSync(join(from, 'run'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('run', join(from, 'link'));
    await kubectl.ok(['cp', from, `one:${there}`]);
    expect(readlinkSync(join(there, 'from/link'))).toBe('run');
    expect(readFileSync(join(there, 'from/big')).equals(readFileSync(join(from, 'big')))).toBe(true);
    expect(statSync(join(there, 'from/run')).mode & 0o777).toBe(0o755);
    await kubectl.ok(['cp', `one:${there}/from/big`, join(back, 'big')]);
    expect(readFileSync(join(back, 'big')).equals(readFileSync(join(from, 'big')))).toBe(true);
  });

  test('attaches to what runs', async () => {
    const { code, stdout } = await kubectl.run(['attach', '-i', 'two', '-c', 'b'], { input: 'hello\n' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'attached\nhello\n' });
    expect(board.requests.at(-1)).toMatchObject({ kind: 'attach', container: 'b', stdin: true, stdout: true, stderr: true });
  });

  test('forwards ports: several connections, both halves, and a port where nobody listens', async () => {
    // Says how much it got when its client has said all: it needs the half-closed connection.
    const counter = createServer({ allowHalfOpen: true }, async (socket) => {
      let bytes = 0;
      for await (const data of socket) bytes += (data as Buffer).length;
      socket.end(`${bytes}`);
    });
    counter.listen(0, '127.0.0.1');
    await once(counter, 'listening');
    const { port } = counter.address() as { port: number };
    const forward = started('port-forward', 'one', `:${port}`, `:${webPort}`, ':1');
    const local = async (remote: number): Promise<number> => {
      const line = new RegExp(`Forwarding from 127.0.0.1:(\\d+) -> ${remote}$`, 'm');
      await forward.says(line);
      return Number(line.exec(forward.stdout)?.[1]);
    };
    const answers = await Promise.all([1_000_000, 3, 0].map(async (bytes) => said(await local(port), Buffer.alloc(bytes))));
    expect(answers).toEqual(['1000000', '3', '0']);
    expect(await said(await local(webPort), 'GET /x HTTP/1.0\r\n\r\n')).toContain('GET /x');
    expect(await said(await local(1), 'x')).toBe('');
    await until('kubectl has told it', () => /error forwarding port 1 to pod one, uid .*ECONNREFUSED/.test(forward.stderr));
    await forward.end('SIGTERM');
    counter.close();
  });

  test('brings the proxy to this machine', async () => {
    const proxy = started('proxy', '--port=0');
    const [, address] = await proxy.says(/^Starting to serve on (.+)$/m);
    expect(await (await fetch(`http://${address}/api/v1/namespaces/default/pods/one:${webPort}/proxy/here?q=1`)).text()).toBe(
      'GET /here?q=1',
    );
    await proxy.end('SIGTERM');
  });

  test('speaks what its version speaks', async () => {
    const webSockets = (await kubectl.minor()) >= 31;
    const asked = async (subresource: string): Promise<number> => {
      const verb = webSockets ? 'GET' : 'CREATE';
      const lines = (await kubectl.ok(['get', '--raw', '/metrics'])).split('\n');
      const line = lines.find((one) =>
        [`subresource="${subresource}"`, `verb="${verb}"`, 'code="101"'].every((part) => one.includes(part)),
      );
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    for (const subresource of ['exec', 'attach', 'portforward']) {
      await until(`${subresource} was counted`, async () => (await asked(subresource)) > 0);
    }
  });

  test('leaves nothing running when it is killed', async () => {
    const exec = started('exec', '-i', 'one', '--', 'sh', '-c', 'echo up; sleep 1000');
    await exec.says(/^up$/m);
    await exec.end('SIGKILL');
    await until('the program was killed', () => board.processes.size === 0);
  });
});

/** What a server says to these bytes after which nothing comes. */
async function said(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.end(bytes);
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  await once(socket, 'close');
  return answer;
}

const podPath = (what: string, name = 'one'): string => `/api/v1/namespaces/default/pods/${name}/${what}`;
const identity = (): { ca: string; cert: string; key: string } => ({
  ca: hub.pki.caCertPem,
  cert: hub.pki.admin.certPem,
  key: hub.pki.admin.keyPem,
});

const converse = (path: string, protocols: readonly string[], headers: Record<string, string> = {}): Promise<ChannelClient> =>
  ChannelClient.open(`wss://127.0.0.1:${hub.port}${path}`, protocols, { ...identity(), headers });

describe('a WebSocket', () => {
  const cat = podPath('exec?command=cat&stdin=true&stdout=true');

  test('of version 5 closes the input and gets the outcome as a Status', async () => {
    const client = await converse(cat, ['v5.channel.k8s.io']);
    expect(client.protocol).toBe('v5.channel.k8s.io');
    client.send(Buffer.from('\0hello'));
    client.send(Buffer.of(4, ...Buffer.from('{"Width":80,"Height":24}')));
    client.send(Buffer.of(255, 0));
    expect(await client.closed).toBe(1000);
    expect(client.on(1)).toBe('hello');
    expect(JSON.parse(client.on(3))).toEqual({ metadata: {}, status: 'Success' });
    expect(board.sizes.at(-1)).toEqual({ width: 80, height: 24 });
  });

  test('of version 4 is told a failure with its exit code, as is one in base64', async () => {
    const status = {
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: exit code 3',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    };
    const path = podPath('exec?command=sh&command=-c&command=exit%203&stdout=1&stderr=1');
    const binary = await converse(path, ['nonsense', 'v4.channel.k8s.io']);
    await binary.closed;
    expect(JSON.parse(binary.on(3))).toEqual(status);
    const text = await converse(path, ['v4.base64.channel.k8s.io']);
    await text.closed;
    const words = text.messages
      .filter((message) => message[0] === 0x33)
      .map((message) => Buffer.from(message.toString().slice(1), 'base64'));
    expect(JSON.parse(Buffer.concat(words).toString())).toEqual(status);
    const oldest = await converse(path, []);
    await oldest.closed;
    expect(oldest.on(3)).toBe('command terminated with non-zero exit code: exit code 3');
  });

  test('in base64 carries input too', async () => {
    const client = await converse(cat, ['base64.channel.k8s.io']);
    client.send(`0${Buffer.from('hi').toString('base64')}`);
    await until('the echo has come', () =>
      client.messages.some((message) => message.toString() === `1${Buffer.from('hi').toString('base64')}`),
    );
    client.close();
  });

  test('carries ports over channels, each named first', async () => {
    const client = await converse(podPath(`portforward?ports=${webPort}&ports=1`), ['v4.channel.k8s.io']);
    client.send(Buffer.from('\0GET /ws HTTP/1.0\r\n\r\n'));
    await until('both have answered', () => client.on(0).includes('GET /ws') && client.on(3).includes('ECONNREFUSED'));
    const port = (channel: number): number | undefined => client.messages.find((message) => message[0] === channel)?.readUInt16LE(1);
    expect([0, 1, 2, 3].map(port)).toEqual([webPort, webPort, 1, 1]);
    client.close();
  });

  test('is refused to another site, without a protocol that is known, and without the right', async () => {
    await expect(converse(cat, ['v4.channel.k8s.io'], { origin: 'https://evil.example' })).rejects.toThrow(
      /^403 .*origin \\"https:\/\/evil.example\\" is not allowed/,
    );
    (await converse(cat, ['v4.channel.k8s.io'], { origin: `https://127.0.0.1:${hub.port}` })).close();
    await expect(converse(cat, ['v9.channel.k8s.io'])).rejects.toThrow(/^400 .*client supports \[v9.channel.k8s.io\]/);
    await expect(converse(podPath('exec?command=cat'), ['v4.channel.k8s.io'])).rejects.toThrow(/^400 .*at least 1 of stdin/);
    await expect(converse('/api/v1/namespaces/default/pods/one/nothing', ['v4.channel.k8s.io'])).rejects.toThrow(/^404/);
    const anonymous = ChannelClient.open(`wss://127.0.0.1:${hub.port}${cat}`, ['v4.channel.k8s.io'], { ca: hub.pki.caCertPem });
    await expect(anonymous).rejects.toThrow(/^40[13] /);
    const entry = (message: string): unknown =>
      logged.map((line): { message: string } => JSON.parse(line)).find((one) => one.message === message);
    const whose = { subresource: 'exec', namespace: 'default', name: 'one', remote: '127.0.0.1' };
    expect(entry('refused a stream to a pod')).toMatchObject({ user: 'system:anonymous', ...whose });
    expect(entry('refused an upgrade that a page of another site asked for')).toMatchObject({ origin: 'https://evil.example' });
  });

  test.each<[string, string | Buffer, number]>([
    ['a message of more than a megabyte', Buffer.alloc(1024 * 1024 + 1), 1009],
    ['a message without a channel', Buffer.alloc(0), 1003],
    ['a channel that is none', Buffer.of(9, 1), 1003],
    ['text where bytes are spoken', '0abc', 1003],
  ])('ends at %s, and the program with it', async (_what, message, code) => {
    const client = await converse(cat, ['v4.channel.k8s.io']);
    client.send(message);
    expect(await client.closed).toBe(code);
    await until('the program was killed', () => board.processes.size === 0);
    await until('it was written down', () => logged.some((line) => line.includes('ended a stream that broke the rules')));
    logged.length = 0;
  });

  test('may send messages of a megabyte, also while its program does not read', async () => {
    const client = await converse(cat.replace('=cat', '=sh&command=-c&command=sleep+0.3;wc+-c'), ['v5.channel.k8s.io']);
    for (let count = 0; count < 4; count++) client.send(Buffer.alloc(1024 * 1024));
    client.send(Buffer.of(255, 0));
    await client.closed;
    expect(client.on(1).trim()).toBe(String(4 * (1024 * 1024 - 1)));
  });
});

describe('what is read from a WebSocket', () => {
  const text = (client: ChannelClient): string => client.messages.map(String).join('');

  test('is a log, in bytes or in base64, from its beginning on', async () => {
    board.logged = ['one\n', 'two\n'];
    const plain = await converse(podPath('log'), ['binary.k8s.io']);
    expect(await plain.closed).toBe(1000);
    expect(plain.protocol).toBe('binary.k8s.io');
    expect(plain.messages.map(String)).toEqual(['', 'one\n', 'two\n']);
    const coded = await converse(podPath('log?follow=true'), ['base64.binary.k8s.io']);
    await until('all of it has come', () => coded.messages.length === 3);
    expect(coded.messages.map((message) => Buffer.from(String(message), 'base64').toString())).toEqual(['', 'one\n', 'two\n']);
    // Who follows goes away: nothing is read for them any more, see afterEach.
    coded.close();
    await expect(converse(podPath('log?container=none'), ['binary.k8s.io'])).rejects.toThrow(/^400 .*container none is not valid/);
    await expect(converse(podPath('log'), ['v4.channel.k8s.io'])).rejects.toThrow(/^400 .*client supports/);
    board.logged = [];
  });

  test('is a watch, an event a message', async () => {
    const watch = '/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name%3Done';
    const client = await converse(watch, []);
    await until('the pod has come', () => client.messages.length > 0);
    const pods = hub.registry.resource('', 'pods');
    await pods.update(ctx, 'default', 'one', (current) => ({ ...current, metadata: { ...current.metadata, labels: { seen: 'yes' } } }));
    await until('its change has come', () => client.messages.length > 1);
    const events = client.messages.map((message): { type: string; object: KubeObject } => JSON.parse(String(message)));
    expect(events.map(({ type, object }) => [type, object.metadata?.name, object.metadata?.labels])).toEqual([
      ['ADDED', 'one', undefined],
      ['MODIFIED', 'one', { seen: 'yes' }],
    ]);
    client.close();
    expect(await client.closed).toBe(1005);
    const ends = await converse(`${watch}&timeoutSeconds=1`, []);
    expect(await ends.closed).toBe(1000);
    expect(text(ends)).toContain('"ADDED"');
    await expect(converse(`${watch}&resourceVersion=x`, [])).rejects.toThrow(/invalid syntax/);
    await expect(converse(watch, [], { origin: 'https://evil.example' })).rejects.toThrow(/^403 /);
  });
});

interface Answer {
  readonly code: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: NodeJS.ReadableStream } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const asked = request({ ...identity(), host: '127.0.0.1', port: hub.port, path, method, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => (text += data.toString()));
      answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: text }));
    });
    asked.once('error', reject);
    if (body) body.pipe(asked);
    else asked.end();
  });
}

describe('the proxy to pods', () => {
  const kubectlRaw = async (path: string): Promise<string> => {
    const kubectl = new Kubectl(found.newest, hub.kubeconfig);
    try {
      return await kubectl.ok(['get', '--raw', path]);
    } finally {
      kubectl.close();
    }
  };
  const proxy = (path: string, name = `one:${webPort}`): string => podPath(`proxy${path}`, name);

  test('carries methods, paths, queries, bodies and headers, and none of the caller’s secrets', async () => {
    expect((await ask(proxy('/a%20b//c?x=1&y=%2F'))).body).toBe('GET /a%20b//c?x=1&y=%2F');
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      expect((await ask(proxy('/m'), { method })).body, method).toBe(`${method} /m`);
    }
    const file = join(dir, 'upload');
    writeFileSync(file, 'x'.repeat(500_000));
    const headers = { authorization: 'Bearer secret', 'x-own': 'mine', connection: 'x-drop', 'x-drop': 'me', 'x-forwarded-for': '9.9.9.9' };
    const { code, headers: got, body } = await ask(proxy('/echo'), { method: 'POST', headers, body: createReadStream(file) });
    expect({ code, length: body.length, cookies: got['set-cookie'] }).toEqual({ code: 200, length: 500_000, cookies: ['a=1', 'b=2'] });
    const seen = JSON.parse(String(got['x-asked'])) as Record<string, string>;
    expect(seen).toMatchObject({
      'x-own': 'mine',
      'x-forwarded-for': '9.9.9.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-uri': proxy('/echo'),
    });
    expect(seen['authorization']).toBeUndefined();
    expect(seen['x-drop']).toBeUndefined();
  });

  test('redirects to the folder, and keeps links and redirects of the pod behind itself', async () => {
    const bare = await ask(proxy('?a=b'));
    expect({ code: bare.code, to: bare.headers['location'] }).toEqual({ code: 301, to: proxy('/?a=b') });
    expect((await ask(proxy(''), { method: 'POST' })).body).toBe('POST /');
    const changed = `<a href="${proxy('/rewriteme')}">test</a>`;
    expect((await ask(proxy('/page'))).body).toBe(changed);
    expect(await kubectlRaw(proxy('/page?packed'))).toBe(changed);
    const moved = await ask(proxy('/moved'));
    expect({ code: moved.code, to: moved.headers['location'] }).toEqual({ code: 302, to: proxy('/there') });
    expect(moved.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('speaks TLS to a pod that asks for it', async () => {
    const { cert, key } = hub.pki.serverTls();
    const secure = createHttpsServer({ cert, key }, (asked, answer) => answer.end(`secret ${asked.url}`));
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    const { port } = secure.address() as { port: number };
    expect((await ask(proxy('/x', `https:one:${port}`))).body).toBe('secret /x');
    secure.close();
  });

  test('carries an upgrade to another protocol', async () => {
    const asked = request({
      ...{ ...identity(), host: '127.0.0.1', port: hub.port, path: proxy('/up'), agent: false },
      headers: { connection: 'Upgrade', upgrade: 'echo' },
    });
    asked.end();
    const [answer, socket] = (await once(asked, 'upgrade')) as [{ statusCode: number }, NodeJS.ReadWriteStream & { destroy(): void }];
    expect(answer.statusCode).toBe(101);
    socket.write('to and fro');
    expect(String((await once(socket, 'data'))[0])).toBe('to and fro');
    socket.destroy();
  });

  test('says what is wrong', async () => {
    expect(JSON.parse((await ask(proxy('/', 'one:1'))).body)).toMatchObject({
      code: 503,
      reason: 'ServiceUnavailable',
      message: 'error trying to reach service: connect ECONNREFUSED 127.0.0.1:1',
    });
    expect(JSON.parse((await ask(proxy('/', 'ftp:one:1'))).body)).toMatchObject({ code: 400, message: 'invalid pod request "ftp:one:1"' });
    expect(JSON.parse((await ask(proxy('/', 'none:1'))).body)).toMatchObject({ code: 404 });
    expect(JSON.parse((await ask(proxy('/', 'far:80'))).body)).toMatchObject({
      code: 503,
      message: expect.stringContaining('node pi-away is offline since 2026-01-01T12:00:00Z'),
    });
  });
});

test('ephemeral containers are shown as the pod, and as no table', async () => {
  const accept = (as: string): { headers: Record<string, string> } => ({ headers: { accept: as } });
  const table = await ask(podPath('ephemeralcontainers'), accept('application/json;as=Table;g=meta.k8s.io;v=v1'));
  expect([table.code, table.body]).toEqual([406, expect.stringContaining('only the following media types are accepted: application/json')]);
  const plain = await ask(podPath('ephemeralcontainers'), accept('application/json'));
  expect([plain.code, JSON.parse(plain.body)]).toEqual([200, expect.objectContaining({ kind: 'Pod' })]);
});

test('a request that does not ask to upgrade is told so', async () => {
  for (const what of ['exec?command=true&stdout=1', 'attach?stdout=1', 'portforward']) {
    const { code, body } = await ask(podPath(what), { method: 'POST' });
    expect({ code, message: JSON.parse(body).message }).toEqual({ code: 400, message: 'Upgrade request required' });
  }
  const { code, body } = await ask(podPath('exec?command=true&stdout=1'), { headers: { connection: 'Upgrade', upgrade: 'h2c' } });
  expect({ code, message: JSON.parse(body).message }).toEqual({ code: 400, message: 'unable to upgrade: unsupported protocol "h2c"' });
});
