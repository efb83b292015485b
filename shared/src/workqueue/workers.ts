import { nextTurn } from '../clock/next-turn.ts';
import type { WorkQueue } from './work-queue.ts';

/** What a reconciler may ask for beside success: the same key again later. */
export interface WorkResult {
  readonly requeueAfterMs?: number;
}

export interface WorkersOptions {
  readonly queue: WorkQueue;
  readonly workers: number;
  /** A rejection puts the key back with back-off. */
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkResult | undefined>;
  /** Told of each failure, with how many in a row. */
  readonly failed: (key: string, error: unknown, failures: number) => void;
}

/** Runs N workers on a queue until the signal is aborted; resolves when the last one finished. */
export async function runWorkers(options: WorkersOptions, signal: AbortSignal): Promise<void> {
  const { queue } = options;
  const stop = (): void => queue.shutDown();
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop, { once: true });
  await Promise.all(Array.from({ length: Math.max(1, options.workers) }, () => runWorker(options, signal)));
  signal.removeEventListener('abort', stop);
}

/** Looks that wait for nothing go from promise to promise; after so many the event loop has its turn, and a circle of them stops nobody else. */
const looksPerTurn = 1000;

async function runWorker({ queue, work, failed }: WorkersOptions, signal: AbortSignal): Promise<void> {
  let looks = 0;
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    try {
      const result = await work(key, signal);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!signal.aborted) {
        queue.addRateLimited(key);
        failed(key, error, queue.failures(key));
      }
    } finally {
      queue.done(key);
    }
    if (++looks % looksPerTurn === 0) await nextTurn();
  }
}
