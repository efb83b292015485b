import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LocalSource } from '#local/local-desk.ts';
import { askAgent, localSocketPath, serveLocally } from './local-socket.ts';

let dir: string;
const closers: (() => Promise<void>)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-test-local-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await rm(dir, { recursive: true, force: true });
});

/** An endless log; says when nobody follows it any more. */
function source(): { source: LocalSource; left: Promise<void> } {
  const left = Promise.withResolvers<void>();
  return {
    left: left.promise,
    source: {
      pods: async () => [
        { namespace: 'n', name: 'web', uid: 'u', status: 'Running', ip: undefined, containers: [{ name: 'c', ready: true, restarts: 0 }] },
      ],
      async *logs(_pod, _options, signal) {
        while (!signal.aborted) {
          yield Buffer.alloc(50_000, 'x');
          await new Promise((resolve) => setImmediate(resolve));
        }
        left.resolve();
      },
      restart: () => Promise.reject(new Error('not now')),
      facts: async () => ({ Node: 'one' }),
    },
  };
}

async function serve(): Promise<{ readonly left: Promise<void> }> {
  const { source: from, left } = source();
  const desk = await serveLocally(dir, from, silentLogger);
  closers.push(() => desk.close());
  return { left };
}

async function text(answer: AsyncIterable<Buffer> | undefined): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}

it('answers its owner, and nobody else may ask', async () => {
  await writeFile(localSocketPath(dir), 'left by an agent that was killed');
  await serve();
  expect((await stat(localSocketPath(dir))).mode & 0o777).toBe(0o600);
  expect(await text(await askAgent(dir, { do: 'facts' }))).toBe('Node: one\n');
  expect(await text(await askAgent(dir, { do: 'ps' }))).toContain('web');
  await expect(askAgent(dir, { do: 'restart', pod: 'web' })).rejects.toThrow('not now');
  await expect(askAgent(dir, { do: 'restart', pod: 'other' })).rejects.toThrow('there is no pod other');
});

it('is not there where no agent runs', async () => {
  expect(await askAgent(dir, { do: 'ps' })).toBeUndefined();
});

it('stops when nobody reads on', async () => {
  const { left } = await serve();
  for await (const part of (await askAgent(dir, { do: 'logs', pod: 'web', follow: true })) ?? []) if (part.length > 0) break;
  // The test ends when the log does.
  await left;
});

it('ends whoever still reads when it is closed', async () => {
  const { source: from } = source();
  const desk = await serveLocally(dir, from, silentLogger);
  const reading = text(await askAgent(dir, { do: 'logs', pod: 'web', follow: true })).catch(() => 'broken off');
  await desk.close();
  await reading;
  await expect(stat(localSocketPath(dir))).rejects.toMatchObject({ code: 'ENOENT' });
});

it.each([
  ['no JSON', 'ps\n'],
  ['what nobody knows', '{"do":"shell"}\n'],
  ['a line without end', 'x'.repeat(70_000)],
])('refuses %s and goes on', async (_, sent) => {
  await serve();
  const socket = createConnection(localSocketPath(dir));
  socket.on('error', () => {});
  socket.write(sent);
  expect(JSON.parse(await text(socket))).toMatchObject({ error: expect.any(String) });
  expect(await text(await askAgent(dir, { do: 'facts' }))).toBe('Node: one\n');
});
