import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { toFailure } from './errors.ts';
import { LogFile } from './log-file.ts';
import type { Calls, Reply, Request } from './protocol.ts';

/**
 * The thread that owns the file. It sleeps on a counter in shared memory instead of its event loop: waking up that way
 * costs a third, and a single writer pays it with every write.
 */
export interface WorkerInput {
  readonly port: MessagePort;
  /** Counts the requests sent. */
  readonly counter: Int32Array<SharedArrayBuffer>;
}

function run({ port, counter }: WorkerInput): void {
  const file = new LogFile();
  for (let open = true; open; ) {
    const seen = Atomics.load(counter, 0);
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      const request = next.message as Request;
      port.postMessage(answer(file, request));
      if (request.call === 'close') open = false;
    }
    if (open) Atomics.wait(counter, 0, seen);
  }
  port.close();
}

function answer(file: LogFile, { call, argument }: Request): Reply {
  try {
    return { result: (file[call] as (argument: unknown) => ReturnType<Calls[typeof call]>)(argument) };
  } catch (error) {
    return { failure: toFailure(error, file.revision) };
  }
}

run(workerData as WorkerInput);
