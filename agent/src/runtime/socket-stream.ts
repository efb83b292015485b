import type { Duplex } from 'node:stream';
import type { PodStream, StreamOutput } from '@flotilla/shared/protocol/stream-messages.js';
import { writeTo } from './write-to.ts';

/** One connection as a stream; each way ends by itself. The signal's end breaks it off. */
export function socketStream(socket: Duplex, signal: AbortSignal): PodStream {
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const closed = new Promise<void>((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
  void closed.then(() => signal.removeEventListener('abort', onAbort));
  return {
    write: (data) => writeTo(socket, data),
    end: () => void socket.end(),
    resize: () => {},
    output: bytesOf(socket),
    result: closed.then(() => ({ exitCode: undefined })),
  };
}

async function* bytesOf(socket: Duplex): AsyncGenerator<StreamOutput> {
  // Not by the socket's own iterator: that destroys it at its end, and the other direction with it.
  const ended = new Promise<undefined>((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve(undefined));
  });
  for (;;) {
    const data = socket.read() as Buffer | null;
    if (data) {
      yield { channel: 1, data };
      continue;
    }
    if (socket.readableEnded || socket.destroyed) return;
    const readable = new Promise<true>((resolve) => socket.once('readable', () => resolve(true)));
    if ((await Promise.race([readable, ended])) === undefined && socket.readableLength === 0) return;
  }
}
