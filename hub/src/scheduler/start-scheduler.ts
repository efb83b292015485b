import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { createClient, schedulerUser } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import type { Informers } from '#client/informers.ts';
import type { Registry } from '#registry/generic/types.ts';
import { SchedulerCache } from './cache/scheduler-cache.ts';
import { Framework } from './framework/framework.ts';
import { defaultPlugins } from './plugins/default-plugins.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { Scheduler, schedulerName } from './scheduler.ts';

export interface SchedulerOptions {
  readonly registry: Registry;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How many fitting nodes are compared for a pod; 100 when left out. */
  readonly nodesToScore?: number;
  /** Is handed the way to ask how many pods wait for a node. */
  readonly pending?: (pods: () => number) => void;
}

/** Schedules pods until the signal is aborted. */
export async function startScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  const { registry, informers, clock, random, nodesToScore } = options;
  const logger = options.logger.with({ component: schedulerName });
  const client = createClient({ registry, informers, user: schedulerUser, logger });
  const recorder = createEventRecorder({ client, clock, logger, component: schedulerName });
  const cache = new SchedulerCache();
  const plugins = defaultPlugins(cache.resources);
  const framework = new Framework({ plugins, random, ...(nodesToScore === undefined ? {} : { nodesToScore }) });
  const queue = new SchedulingQueue({ clock, plugins, ready: () => scheduler.wake() });
  options.pending?.(() => queue.size);
  const scheduler = new Scheduler({ client, recorder, clock, logger, cache, queue, framework }, signal);
  // Nothing is placed before all nodes and all bound pods are counted.
  client.informer<Node>('', 'nodes');
  client.informer<Pod>('', 'pods');
  try {
    await client.synced(signal);
    scheduler.watch();
    queue.start();
    await scheduler.run();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    queue.stop();
  }
}
