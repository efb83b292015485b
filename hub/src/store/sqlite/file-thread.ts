import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { StoreUnavailableError } from '../contract.ts';
import type { Calls, Failure, Reply, Request } from './protocol.ts';
import type { WorkerInput } from './worker.ts';

/** Beside this file when it runs as it is; a bundle puts the thread's own bundle beside itself. */
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './store-worker.js', import.meta.url);

export type Answer<Name extends keyof Calls> = { readonly result: ReturnType<Calls[Name]> } | { readonly failure: Failure };

/** The other end of the thread that owns the file: calls go there and come back in order. */
export class FileThread {
  readonly #port: MessagePort;
  readonly #counter: Int32Array<SharedArrayBuffer>;
  readonly #pending: ((reply: Reply) => void)[] = [];
  readonly #exited: Promise<void>;
  #failure: Failure | undefined;

  /** `died` is called when the thread is gone and was not told to close. */
  constructor(died: (error: Error) => void) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#counter = new Int32Array(new SharedArrayBuffer(4));
    const workerInput: WorkerInput = { port: port2, counter: this.#counter };
    const worker = new Worker(workerUrl, { name: 'store', workerData: workerInput, transferList: [port2] });
    port1.on('message', (reply: Reply) => this.#pending.shift()?.(reply));
    this.#exited = new Promise((resolve) => {
      let cause: unknown;
      worker.on('error', (error) => {
        cause = error;
      });
      worker.on('exit', () => {
        port1.close();
        this.#failure = {
          kind: 'broken',
          message: `the store's thread ended${cause instanceof Error ? `: ${cause.message}` : ''}`,
          revision: 0,
        };
        if (cause) died(new StoreUnavailableError(this.#failure.message, { cause }));
        for (const done of this.#pending.splice(0)) done({ failure: this.#failure });
        resolve();
      });
    });
  }

  /** `done` runs before the answer to any later call is looked at. */
  call<Name extends keyof Calls>(call: Name, argument: Parameters<Calls[Name]>[0], done: (answer: Answer<Name>) => void): void {
    if (this.#failure) {
      done({ failure: this.#failure });
      return;
    }
    this.#pending.push(done as (reply: Reply) => void);
    this.#port.postMessage({ call, argument } satisfies Request);
    Atomics.add(this.#counter, 0, 1);
    Atomics.notify(this.#counter, 0);
  }

  /** Closes the file after everything that was asked before. */
  close(): Promise<void> {
    this.call('close', undefined, () => {});
    return this.#exited;
  }
}
