import { internalError } from '@flotilla/shared/errors/status.js';
import type { PodStream, StreamOutput } from '@flotilla/shared/protocol/stream-messages.js';
import { RuntimeError } from '../types.ts';

/** What a fake program does with its stream; resolves with its exit code. The signal is its SIGKILL. */
export type FakeProgram = (io: FakeProgramIo) => Promise<number>;

export interface FakeProgramIo {
  readonly args: readonly string[];
  /** What is sent to it; ends with the input. */
  readonly input: AsyncIterable<Buffer>;
  /** Resolves when it was taken. */
  readonly write: (channel: StreamOutput['channel'], text: string | Buffer) => Promise<void>;
  readonly signal: AbortSignal;
}

/** What can be executed in any fake container. */
const fakePrograms: Readonly<Record<string, FakeProgram>> = {
  async echo({ args, write }) {
    await write(1, `${args.join(' ')}\n`);
    return 0;
  },
  async cat({ input, write }) {
    for await (const data of input) await write(1, data);
    return 0;
  },
  /** Writes its arguments to standard error and exits with the first. */
  async exit({ args, write }) {
    await write(2, `exit ${args.join(' ')}\n`);
    return Number(args[0] ?? 0);
  },
  /** Until it is killed. */
  sleep: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(137), { once: true })),
};

/** A fake program that runs, or a fake server's end of a connection. */
export function fakeStream(
  name: string,
  args: readonly string[],
  signal: AbortSignal,
  more: Readonly<Record<string, FakeProgram>> = {},
): PodStream {
  const program = more[name] ?? fakePrograms[name];
  if (!program)
    throw internalError(`error executing command in container: exec: ${JSON.stringify(name)}: executable file not found in $PATH`);
  const [input, output] = [new Pipe<Buffer>(), new Pipe<StreamOutput>()];
  const killed = (): void => {
    input.end();
    output.end();
  };
  signal.addEventListener('abort', killed, { once: true });
  const result = program({ args, input, signal, write: (channel, text) => output.put({ channel, data: Buffer.from(text) }) });
  void result
    .catch(() => {})
    .then(() => {
      signal.removeEventListener('abort', killed);
      killed();
    });
  return {
    write: (data) => input.put(data),
    end: () => input.end(),
    resize: () => {},
    output,
    result: result.then((exitCode) => ({ exitCode })),
  };
}

/** @throws RuntimeError as a connection that is refused */
export function refused(port: number): never {
  throw new RuntimeError('Failed', `connect ECONNREFUSED 127.0.0.1:${port}`);
}

/** One piece at a time: putting waits until the one before was taken. */
class Pipe<T> implements AsyncIterable<T> {
  #item: { readonly value: T } | undefined;
  #over = false;
  #changed = Promise.withResolvers<void>();

  async put(value: T): Promise<void> {
    while (this.#item && !this.#over) await this.#changed.promise;
    if (this.#over) return;
    this.#item = { value };
    this.#tell();
  }

  end(): void {
    this.#over = true;
    this.#tell();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#item;
      if (item) {
        this.#item = undefined;
        this.#tell();
        yield item.value;
      } else if (this.#over) return;
      else await this.#changed.promise;
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
