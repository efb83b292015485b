import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { answerLocally, type LocalRequest, type LocalSource, parseLocalRequest } from '../local/local-desk.ts';

/*
 * One request a connection: a line of JSON. The answer is a line of JSON, `{}` or `{error}`, and then text until the end. Whoever may open
 * the socket may ask: it has mode 0600 in a directory 0700.
 */

const requestBytes = 64 * 1024;
const connections = 16;
const longestPath = 107;

export function localSocketPath(dataDir: string): string {
  return join(dataDir, 'agent.sock');
}

/** Answers whoever asks at the board itself, until it is closed. Without a place for the socket nobody can ask. */
export async function serveLocally(dataDir: string, source: LocalSource, logger: Logger): Promise<{ close(): Promise<void> }> {
  const path = localSocketPath(dataDir);
  if (Buffer.byteLength(path) > longestPath) {
    logger.warn('the path of the data directory is too long for a socket: flotilla-agent ps, logs, restart and facts ask the runtime', {
      path,
    });
    return { close: async () => {} };
  }
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => {});
    void serve(socket, source);
  });
  server.maxConnections = connections;
  // Left by an agent that was killed: this one owns the data directory.
  await rm(path, { force: true });
  await listening(server, path);
  await chmod(path, 0o600);
  server.unref();
  return {
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

async function serve(socket: Socket, source: LocalSource): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort(new Error('nobody waits for the answer any more')));
  let begun = false;
  try {
    const [line] = await firstLine(socket);
    // Nothing more is expected; but its end is.
    socket.resume();
    const answer = answerLocally(source, parseLocalRequest(JSON.parse(line)), gone.signal)[Symbol.asyncIterator]();
    for (let next = await answer.next(); ; next = await answer.next()) {
      if (!begun) socket.write('{}\n');
      begun = true;
      if (next.done || gone.signal.aborted) break;
      if (!socket.write(next.value)) await drained(socket);
    }
    socket.end();
  } catch (error) {
    if (begun) socket.destroy();
    else socket.end(`${JSON.stringify({ error: describeError(error) })}\n`);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close']) socket.once(event, () => resolve());
  });
}

/** The first line, and what came after it. @throws Error */
function firstLine(socket: Socket): Promise<[string, Buffer]> {
  return new Promise((resolve, reject) => {
    let text = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf(0x0a);
      if (end < 0 && text.length <= requestBytes) return;
      socket.off('data', onData);
      socket.pause();
      if (end < 0) reject(new Error('the request is too long'));
      else resolve([text.subarray(0, end).toString(), text.subarray(end + 1)]);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
}

/** Asks the agent that runs with this data directory. Undefined when none runs. @throws Error with the agent's words */
export async function askAgent(dataDir: string, request: LocalRequest): Promise<AsyncIterable<Buffer> | undefined> {
  const socket = await connected(localSocketPath(dataDir));
  if (!socket) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  const [line, rest] = await firstLine(socket);
  const { error } = JSON.parse(line) as { error?: string };
  if (error !== undefined) throw new Error(error);
  if (rest.length > 0) socket.unshift(rest);
  return socket;
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ECONNREFUSED', 'EINVAL'].includes(error.code ?? '')) resolve(undefined);
      else if (error.code === 'EACCES') reject(new Error(`you may not ask the agent at ${path}: become its user (sudo)`));
      else reject(error);
    });
  });
}
