import { createConnection, type Socket } from 'node:net';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import { socketStream } from '../socket-stream.ts';
import { RuntimeError } from '../types.ts';

const connectMs = 10_000;

/** One TCP connection. @throws RuntimeError with the system's words */
export async function connectTo(host: string, port: number, signal: AbortSignal): Promise<PodStream> {
  return socketStream(await opened(host, port, signal), signal);
}

function opened(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Either side may have said all it has to say while the other goes on.
    const socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true, timeout: connectMs });
    const fail = (why: string): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(new RuntimeError('Failed', why));
    };
    const onAbort = (): void => fail('given up');
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', ({ message }) => fail(message));
    socket.once('timeout', () => fail(`no answer within ${connectMs / 1000} s`));
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      resolve(socket);
    });
  });
}
