import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { PodStream, StreamOutput } from '@flotilla/shared/protocol/stream-messages.js';
import { RuntimeError } from '../types.ts';
import { writeTo } from '../write-to.ts';

export interface AttachOptions {
  readonly socketPath: string;
  readonly containerId: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The container reads an input at all. */
  readonly hasStdin: boolean;
  /** The container has a terminal: then what it writes is not cut into frames. */
  readonly tty: boolean;
  readonly resize: PodStream['resize'];
}

const connectMs = 30_000;

/** A connection to the container's own process, through podman's API. Ending it leaves the container as it is. */
export async function attach(options: AttachOptions, signal: AbortSignal): Promise<PodStream> {
  const { socket, head } = await connect(options, signal);
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void closed.then(() => signal.removeEventListener('abort', onAbort));
  if (head.length > 0) socket.unshift(head);
  const takesInput = options.stdin && options.hasStdin;
  return {
    write: (data) => (takesInput ? writeTo(socket, data) : Promise.resolve()),
    end: () => {
      if (takesInput) socket.end();
    },
    resize: options.resize,
    output: options.tty ? plain(socket) : demultiplexed(socket),
    result: closed.then(() => ({ exitCode: undefined })),
  };
}

function connect(options: AttachOptions, signal: AbortSignal): Promise<{ socket: Socket; head: Buffer }> {
  const { socketPath, containerId } = options;
  // podman notices that a client has gone by its input only; where the container reads none, that is for free.
  const stdin = options.stdin || !options.hasStdin;
  const wanted = Object.entries({ stdin, stdout: options.stdout, stderr: options.stderr && !options.tty });
  const query = wanted.map(([name, is]) => `${name}=${is}`).join('&');
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      method: 'POST',
      // No keys detach: the client's connection does that.
      path: `/v4.0.0/libpod/containers/${containerId}/attach?stream=true&detachKeys=&${query}`,
      headers: { Host: 'podman', Connection: 'Upgrade', Upgrade: 'tcp' },
      signal,
      timeout: connectMs,
    });
    call.on('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      resolve({ socket: socket as Socket, head });
    });
    call.on('response', (response) => {
      response.resume();
      reject(new RuntimeError(response.statusCode === 404 ? 'NotFound' : 'Failed', `podman answered ${response.statusCode} to an attach`));
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', (error) => reject(new RuntimeError('Unavailable', `podman's API service does not answer: ${error.message}`)));
    call.end();
  });
}

async function* plain(socket: Socket): AsyncGenerator<StreamOutput> {
  try {
    for await (const data of socket) yield { channel: 1, data: data as Buffer };
  } catch {
    // A connection that was cut is over.
  }
}

const headerBytes = 8;

/** Frames as docker has them: the stream's number, three zeros, the length (big endian), the bytes. */
async function* demultiplexed(socket: Socket): AsyncGenerator<StreamOutput> {
  let rest: Buffer = Buffer.alloc(0);
  let channel: StreamOutput['channel'] = 1;
  let left = 0;
  try {
    for await (const chunk of socket) {
      rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      while (rest.length > 0) {
        if (left === 0) {
          if (rest.length < headerBytes) break;
          channel = rest[0] === 2 ? 2 : 1;
          left = rest.readUInt32BE(4);
          rest = rest.subarray(headerBytes);
          continue;
        }
        const data = rest.subarray(0, left);
        left -= data.length;
        rest = rest.subarray(data.length);
        yield { channel, data };
      }
    }
  } catch {
    // A connection that was cut is over.
  }
}
