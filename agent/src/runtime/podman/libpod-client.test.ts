import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changedMeanwhile, errorText, LibpodClient, LibpodError } from './libpod-client.ts';

let dir: string;
let server: Server;
let client: LibpodClient;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-test-libpod-'));
  server = createServer((request, response) => {
    const [, , , name] = (request.url ?? '').split(/[/?]/);
    if (name === 'silence') return;
    if (name === 'breaks') return void response.write('{', () => response.destroy());
    const answers: Record<string, [number, string]> = {
      fine: [200, '{"a":1}'],
      empty: [204, ''],
      missing: [404, '{"cause":"no such pod","message":"no pod with name or ID x found: no such pod","response":404}'],
      errs: [409, '{"Errs":["one","two"],"Id":"x"}'],
      odd: [500, 'Internal Server Error'],
    };
    const [status, body] = answers[name ?? ''] ?? [404, ''];
    response.writeHead(status).end(body);
  });
  const socketPath = join(dir, 's');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  client = new LibpodClient({ socketPath, clock: new SystemClock() });
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

test('hands over the answer, also a refusal that is accepted', async () => {
  expect(await client.call('GET', '/fine')).toEqual({ status: 200, body: { a: 1 } });
  expect(await client.call('POST', '/empty', { body: {} })).toEqual({ status: 204, body: undefined });
  expect(await client.call('GET', '/missing', { accept: [404] })).toMatchObject({ status: 404 });
});

test('throws podman’s words', async () => {
  await expect(client.call('GET', '/missing')).rejects.toMatchObject({
    status: 404,
    message: 'no pod with name or ID x found: no such pod',
  });
  await expect(client.call('POST', '/errs')).rejects.toMatchObject({ status: 409, message: 'one; two' });
  await expect(client.call('GET', '/odd')).rejects.toMatchObject({ status: 500, message: 'Internal Server Error' });
  await expect(client.call('GET', '/nothing')).rejects.toMatchObject({ message: 'podman answered 404 to GET /nothing' });
  expect(errorText({ Errs: null })).toBeUndefined();
});

test('knows the errors of what ends or goes while podman looks at it', () => {
  expect(changedMeanwhile(new LibpodError(500, 'read /proc/28062/cgroup: no such process'))).toBe(true);
  expect(changedMeanwhile(new LibpodError(500, 'open /proc/28062/cgroup: no such file or directory'))).toBe(true);
  expect(changedMeanwhile(new LibpodError(500, 'container 12ab does not exist in database: no such container'))).toBe(true);
  expect(changedMeanwhile(new LibpodError(500, 'no pod with ID 12ab found in database: no such pod'))).toBe(true);
  expect(changedMeanwhile(new LibpodError(404, 'no container with name or ID "x" found: no such container'))).toBe(false);
  expect(changedMeanwhile(new LibpodError(500, 'crun: no such process'))).toBe(false);
  expect(changedMeanwhile(new LibpodError(404, 'read /proc/1/cgroup: no such process'))).toBe(false);
  expect(changedMeanwhile(new Error('read /proc/1/cgroup: no such process'))).toBe(false);
});

test('every call ends: in time, with the signal, when the connection breaks, when nobody is there', async () => {
  await expect(client.call('GET', '/silence', { timeoutMs: 20 })).rejects.toMatchObject({ reason: 'Unavailable' });
  const giveUp = new AbortController();
  const call = expect(client.call('GET', '/silence', { signal: giveUp.signal })).rejects.toMatchObject({ reason: 'Aborted' });
  giveUp.abort();
  await call;
  await expect(client.call('GET', '/fine', { signal: giveUp.signal })).rejects.toMatchObject({ reason: 'Aborted' });
  await expect(client.call('GET', '/breaks')).rejects.toMatchObject({ reason: 'Unavailable' });
  const nobody = new LibpodClient({ socketPath: join(dir, 'none'), clock: new SystemClock() });
  await expect(nobody.call('GET', '/fine')).rejects.toMatchObject({ reason: 'Unavailable' });
});
