import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Client, EventRecorder } from '#client/types.ts';
import type { SchedulerCache } from './cache/scheduler-cache.ts';
import type { Framework } from './framework/framework.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';

export const schedulerName = 'default-scheduler';

export interface SchedulerParts {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cache: SchedulerCache;
  readonly queue: SchedulingQueue;
  readonly framework: Framework;
}

/** Bindings and status writes under way at once: enough to fill the store's group commits, few enough to be bounded. */
const maxWrites = 256;
/** After so long the other parts of the process get their turn. */
const sliceMs = 10;

/**
 * Takes pods from the queue, one cycle at a time, and binds them. A chosen node is assumed at once, so the next cycle starts
 * while the binding is written; many bindings share one commit.
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #signal: AbortSignal;
  #writes = 0;
  #freed: (() => void) | undefined;
  #woken: (() => void) | undefined;

  constructor(parts: SchedulerParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** There is something in the queue. */
  wake(): void {
    this.#woken?.();
    this.#woken = undefined;
  }

  watch(): void {
    const { client, cache, queue } = this.#parts;
    client.informer<Node>('', 'nodes').on({
      added: (node) => this.#nodeChanged(node),
      updated: (node) => this.#nodeChanged(node),
      deleted: (node) => cache.removeNode(objectKey(node)),
    });
    client.informer<Pod>('', 'pods').on({
      added: (pod) => this.#podChanged(pod),
      updated: (pod, old) => this.#podChanged(pod, old),
      deleted: (pod) => {
        const uid = pod.metadata?.uid ?? '';
        queue.remove(uid);
        if (cache.removePod(uid)) queue.happened('AssignedPodDelete');
      },
    });
  }

  async run(): Promise<void> {
    const { clock, queue } = this.#parts;
    this.#signal.addEventListener('abort', () => this.wake(), { once: true });
    let sinceMs = clock.monotonicMs();
    while (!this.#signal.aborted) {
      const queued = queue.pop();
      if (!queued) {
        await new Promise<void>((resolve) => {
          this.#woken = resolve;
        });
        sinceMs = clock.monotonicMs();
        continue;
      }
      this.#scheduleOne(queued);
      if (this.#writes >= maxWrites) {
        await new Promise<void>((resolve) => {
          this.#freed = resolve;
        });
      }
      if (clock.monotonicMs() - sinceMs < sliceMs) continue;
      await clock.sleep('scheduler slice', 0, this.#signal).catch(() => {});
      sinceMs = clock.monotonicMs();
    }
  }

  #nodeChanged(node: Node): void {
    for (const event of this.#parts.cache.setNode(node)) this.#parts.queue.happened(event);
  }

  #podChanged(pod: Pod, old?: Pod): void {
    const { cache, queue } = this.#parts;
    const { uid = '' } = pod.metadata ?? {};
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
      queue.remove(uid);
      if (cache.removePod(uid)) queue.happened('AssignedPodDelete');
      return;
    }
    if (pod.spec?.nodeName) {
      queue.remove(uid);
      cache.setPod(pod);
      return;
    }
    if (
      pod.metadata?.deletionTimestamp ||
      (pod.spec?.schedulerName ?? schedulerName) !== schedulerName ||
      pod.spec?.schedulingGates?.length
    ) {
      queue.remove(uid);
      return;
    }
    const queued = queue.get(uid);
    if (!queued) {
      queue.add(cache.info(pod));
      return;
    }
    const matters = !old || JSON.stringify([old.spec, old.metadata?.labels]) !== JSON.stringify([pod.spec, pod.metadata?.labels]);
    // Its status, which the scheduler writes itself, does not change where it fits.
    queue.update(queued, matters ? cache.info(pod) : { ...queued.pod, pod }, matters);
  }

  #scheduleOne(queued: QueuedPod): void {
    const { cache, queue, framework, logger } = this.#parts;
    const { pod } = queued;
    const result = framework.schedule(pod, cache);
    if ('node' in result) {
      cache.assume(pod, result.node.name);
      this.#write(() => this.#bind(queued, result.node.name));
    } else if ('broken' in result) {
      logger.error('scheduling failed', { pod: pod.key, plugin: result.broken.plugin, reasons: result.broken.reasons });
      queue.retry(queued);
      this.#failed(pod.pod, 'SchedulerError', result.broken.reasons.join(', '));
    } else {
      queue.refused(queued, result.plugins);
      this.#failed(pod.pod, 'Unschedulable', result.unschedulable);
    }
  }

  async #bind(queued: QueuedPod, node: string): Promise<void> {
    const { client, recorder, cache, queue, logger } = this.#parts;
    const { pod, key, uid } = queued.pod;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    try {
      await client.bind(namespace, name, uid, node);
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
    } catch (error) {
      // Its event may have told already that it is bound, here or elsewhere, or gone.
      if (!queue.get(uid)) {
        if (isNotFound(error)) cache.removePod(uid);
        return;
      }
      cache.removePod(uid);
      if (isNotFound(error)) return queue.remove(uid);
      logger.warn('binding failed', { pod: key, node, error });
      queue.retry(queued);
      queue.happened('AssignedPodDelete');
      this.#failed(pod, 'SchedulerError', `binding rejected: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #failed(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string): void {
    const { client, clock, recorder } = this.#parts;
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === reason && known.message === message) return;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    this.#write(async () => {
      await client.resource<Pod>('', 'pods').updateStatus(namespace, name, (current) => {
        if (current.spec?.nodeName) return current;
        const conditions = current.status?.conditions ?? [];
        const old = conditions.find(({ type }) => type === 'PodScheduled');
        const lastTransitionTime = (old?.status === 'False' && old.lastTransitionTime) || kubeTime(clock.wallMs());
        const next = { type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime };
        return { ...current, status: { ...current.status, conditions: [...conditions.filter((other) => other !== old), next] } };
      });
    });
  }

  #write(write: () => Promise<void>): void {
    this.#writes++;
    void write()
      .catch((error: unknown) => {
        if (!isNotFound(error)) this.#parts.logger.warn('a write of the scheduler failed', { error });
      })
      .finally(() => {
        this.#writes--;
        this.#freed?.();
        this.#freed = undefined;
      });
  }
}
