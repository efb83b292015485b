import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { NodeConnector, NodeStream, NodeStreamRequest } from '@flotilla/hub/registry/generic/types.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';

/** A node whose pods are this machine: an exec is a process of ours, a port is one of 127.0.0.1. What it is asked for is kept. */
export class LocalPods implements NodeConnector {
  readonly requests: NodeStreamRequest[] = [];
  readonly sizes: { readonly width: number; readonly height: number }[] = [];
  readonly processes = new Set<ChildProcess>();
  /** Connections and programs under way. */
  underWay = 0;
  /** Nodes that are away, and since when. */
  readonly away = new Map<string, number>();
  /** What the board answers instead of opening. */
  refusal: StatusError | undefined;

  awaySinceMs(node: string): number | undefined {
    return this.away.get(node);
  }

  /** What every container has written; with `follow` nothing more comes, and it does not end by itself. */
  logged: readonly string[] = [];

  async *logs(_node: string, _pod: unknown, { follow }: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
    this.underWay++;
    try {
      for (const text of this.logged) yield Buffer.from(text);
      if (follow && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      this.underWay--;
    }
  }

  async keptLog(): Promise<undefined> {}

  open(_node: string, request: NodeStreamRequest, signal: AbortSignal): NodeStream {
    this.requests.push(request);
    if (this.refusal) return refused(this.refusal);
    this.underWay++;
    const stream = request.kind === 'forward' ? portStream(request.port, signal) : this.#program(request, signal);
    void stream.result.catch(() => {}).then(() => this.underWay--);
    return stream;
  }

  #program(request: Exclude<NodeStreamRequest, { kind: 'forward' }>, signal: AbortSignal): NodeStream {
    // What a container of ours runs when it is attached to.
    const [command = '', ...args] = request.kind === 'exec' ? request.command : ['sh', '-c', 'echo attached; cat'];
    const child = spawn(command, args, { stdio: 'pipe', detached: true });
    this.processes.add(child);
    const kill = (): void => {
      if (!this.processes.has(child) || child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended a moment ago, and its streams have not closed yet.
      }
    };
    signal.addEventListener('abort', kill, { once: true });
    const opened = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new StatusError(400, 'BadRequest', error.message)));
    });
    const result = new Promise<{ exitCode: number | undefined }>((resolve, reject) => {
      child.once('close', (code, killed) => {
        this.processes.delete(child);
        resolve({ exitCode: request.kind === 'attach' ? undefined : killed ? 137 : (code ?? 0) });
      });
      child.once('error', (error) => {
        this.processes.delete(child);
        reject(error);
      });
    });
    if (!request.stdin) child.stdin.end();
    // What nobody reads yet when the child ends is thrown away by Node.
    const streams: [1 | 2, Readable][] = [
      [1, child.stdout.pipe(new PassThrough())],
      [2, child.stderr.pipe(new PassThrough())],
    ];
    const resize = (size: { readonly width: number; readonly height: number }): void => void this.sizes.push(size);
    return { opened, result, resize, ...input(child.stdin), output: merged(streams) };
  }
}

function refused(error: StatusError): NodeStream {
  const rejected = <T>(): Promise<T> => {
    const promise = Promise.reject<T>(error);
    promise.catch(() => {});
    return promise;
  };
  return { opened: rejected(), result: rejected(), write: rejected, end: () => {}, resize: () => {}, output: merged([]) };
}

function portStream(port: number, signal: AbortSignal): NodeStream {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(new StatusError(500, 'InternalError', error.message)));
  });
  opened.catch(() => {});
  const result = new Promise<{ exitCode: undefined }>((resolve) => socket.once('close', () => resolve({ exitCode: undefined })));
  return { opened, result, resize: () => {}, ...input(socket), output: merged([[1, socket]]) };
}

function input(to: Writable): Pick<NodeStream, 'write' | 'end'> {
  to.on('error', () => {});
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        to.write(data, (error) => (error ? reject(error) : resolve()));
      }),
    end: () => void to.end(),
  };
}

async function* merged(sources: readonly [1 | 2, Readable][]): AsyncGenerator<{ readonly channel: 1 | 2; readonly data: Buffer }> {
  const reads = new Map(
    sources.map(([channel, source]) => {
      const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const next = async () => ({ channel, next, result: await iterator.next() });
      return [channel, next()] as const;
    }),
  );
  while (reads.size > 0) {
    const { channel, next, result } = await Promise.race(reads.values());
    if (result.done) reads.delete(channel);
    else {
      yield { channel, data: result.value };
      reads.set(channel, next());
    }
  }
}
