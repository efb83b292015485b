import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { isConflict, StatusError } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { WorkQueue, type WorkQueueMetrics } from '@flotilla/shared/workqueue/work-queue.js';
import { runWorkers, type WorkResult } from '@flotilla/shared/workqueue/workers.js';
import type { Client, EventRecorder } from '#client/types.ts';

/** What a controller is given; its client writes as the controller's own identity. */
export interface ControllerEnv {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A controller: which keys need a look, and the look. */
export interface Controller {
  /** As many reconciles at once; 1 when left out. */
  readonly workers?: number;
  /** Every key is looked at again this often even without an event; ten minutes when left out. */
  readonly resyncMs?: number;
  /** Connects event handlers that turn changes into keys. Asks for every informer the controller reads. */
  watch(queue: KeyQueue): void;
  /** All keys there are, for the resync. */
  keys(): Iterable<string>;
  /** Makes the world right for one key. A rejection is tried again with back-off. */
  reconcile(key: string, signal: AbortSignal): Promise<WorkResult | undefined>;
}

export interface KeyQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
}

export interface RunOptions {
  readonly name: string;
  readonly env: ControllerEnv;
  readonly metrics?: WorkQueueMetrics;
}

const defaultResyncMs = 600_000;

/**
 * Runs one controller until the signal is aborted: its handlers are connected at once, its workers start when the caches
 * are filled, so that nothing is decided on an absence that is only a beginning.
 */
export async function runController(controller: Controller, { name, env, metrics }: RunOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger } = env;
  const queue = new WorkQueue({ name, clock, random, ...(metrics ? { metrics } : {}) });
  let refused = false;
  const note = (taken: boolean): void => {
    refused ||= !taken;
  };
  controller.watch({ add: (key) => note(queue.add(key)), addAfter: (key, delayMs) => note(queue.addAfter(key, delayMs)) });
  const resync = (): void => {
    refused = false;
    for (const key of controller.keys()) note(queue.add(key));
    arm();
  };
  let timer: Timer | undefined;
  const arm = (): void => {
    // Keys that a full queue refused come back soon; everything else comes back slowly.
    timer = clock.after(`resync ${name}`, refused ? 5000 : (controller.resyncMs ?? defaultResyncMs), resync);
  };
  try {
    await env.client.synced(signal);
    resync();
    await runWorkers(
      {
        queue,
        workers: controller.workers ?? 1,
        work: (key, stop) => controller.reconcile(key, stop),
        failed: (key, error, failures) => {
          // A conflict is everyday life: somebody else wrote first, the next look sees it.
          if (isConflict(error)) logger.debug('conflict, trying again', { controller: name, key, error });
          else logger.warn('reconcile failed, trying again', { controller: name, key, error, failures });
        },
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    queue.shutDown();
    timer?.cancel();
  }
}

/** The namespace is going: what was to be created there is no longer wanted. */
export function isNamespaceTerminating(error: unknown): boolean {
  return error instanceof StatusError && (error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false);
}

export const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
