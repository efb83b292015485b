import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { type RetrySchedule, retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import type { PodInfo } from '../cache/pod-info.ts';
import type { ClusterEvent, Plugin } from '../framework/plugin.ts';
import { Heap } from './heap.ts';

type Place = 'active' | 'backoff' | 'unschedulable' | 'inFlight';

export interface QueuedPod {
  pod: PodInfo;
  readonly sequence: number;
  readonly addedMs: number;
  attempts: number;
  place: Place;
  /** When its back-off is over. */
  readyMs: number;
  sinceMs: number;
  /** Who refused it; empty when anything might help. */
  refusedBy: ReadonlySet<string>;
}

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  readonly plugins: readonly Plugin[];
  /** Told when there is something to schedule. */
  readonly ready: () => void;
}

// kube-scheduler: podInitialBackoffSeconds 1, podMaxBackoffSeconds 10, podMaxInUnschedulablePodsDuration 5 min.
const backoff: RetrySchedule = { baseMs: 1000, maxMs: 10_000, jitter: 'none' };
const longestUnschedulableMs = 300_000;
const flushMs = 30_000;

/**
 * Pods that wait for a node: ready ones by priority and age, those that back off, and those for which something has to
 * happen first. INVARIANT: a pod is in exactly one place; entries of the heaps that moved on are skipped when they surface.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions;
  readonly #pods = new Map<string, QueuedPod>();
  readonly #active = new Heap<QueuedPod>(
    (a, b) => a.pod.priority > b.pod.priority || (a.pod.priority === b.pod.priority && a.sequence < b.sequence),
  );
  readonly #backoff = new Heap<QueuedPod>((a, b) => a.readyMs < b.readyMs);
  /** Which plugins an event may please. */
  readonly #interested = new Map<ClusterEvent, Set<string>>();
  #sequence = 0;
  #backoffTimer: Timer | undefined;
  #flushTimer: Timer | undefined;

  constructor(options: SchedulingQueueOptions) {
    this.#options = options;
    for (const { name, events } of options.plugins) {
      for (const event of events) this.#interested.set(event, (this.#interested.get(event) ?? new Set()).add(name));
    }
  }

  get size(): number {
    return this.#pods.size;
  }

  /** Starts the slow pass over pods that no event helped. */
  start(): void {
    this.#flushTimer = this.#options.clock.after('scheduler flush', flushMs, () => {
      const nowMs = this.#options.clock.monotonicMs();
      for (const queued of this.#pods.values()) {
        if (queued.place === 'unschedulable' && nowMs - queued.sinceMs >= longestUnschedulableMs) this.#activate(queued);
      }
      this.start();
    });
  }

  stop(): void {
    this.#flushTimer?.cancel();
    this.#backoffTimer?.cancel();
  }

  add(pod: PodInfo): void {
    const nowMs = this.#options.clock.monotonicMs();
    const queued: QueuedPod = {
      pod,
      sequence: this.#sequence++,
      addedMs: nowMs,
      attempts: 0,
      place: 'unschedulable',
      readyMs: 0,
      sinceMs: nowMs,
      refusedBy: new Set(),
    };
    this.#pods.set(pod.uid, queued);
    this.#activate(queued);
  }

  get(uid: string): QueuedPod | undefined {
    return this.#pods.get(uid);
  }

  /** The pod changed; `matters` when the change may make it fit. */
  update(queued: QueuedPod, pod: PodInfo, matters: boolean): void {
    const reorder = pod.priority !== queued.pod.priority;
    queued.pod = pod;
    if (queued.place === 'unschedulable' && matters) this.#move(queued);
    else if (queued.place === 'active' && reorder) this.#replace(queued);
  }

  remove(uid: string): void {
    const queued = this.#pods.get(uid);
    if (!queued) return;
    this.#pods.delete(uid);
    queued.place = 'inFlight';
  }

  /** The next pod; it stays known until it is removed or comes back with `refused` or `retry`. */
  pop(): QueuedPod | undefined {
    for (let queued = this.#active.pop(); queued; queued = this.#active.pop()) {
      if (queued.place !== 'active') continue;
      queued.place = 'inFlight';
      queued.attempts++;
      return queued;
    }
    return undefined;
  }

  /** No node fits: wait for an event that these plugins care for. */
  refused(queued: QueuedPod, plugins: ReadonlySet<string>): void {
    if (this.#pods.get(queued.pod.uid) !== queued) return;
    const nowMs = this.#options.clock.monotonicMs();
    queued.place = 'unschedulable';
    queued.refusedBy = plugins;
    queued.sinceMs = nowMs;
    queued.readyMs = nowMs + this.#delayMs(queued);
  }

  /** Something broke: try again after the back-off. */
  retry(queued: QueuedPod): void {
    if (this.#pods.get(queued.pod.uid) !== queued) return;
    queued.readyMs = this.#options.clock.monotonicMs() + this.#delayMs(queued);
    this.#move(queued);
  }

  happened(event: ClusterEvent): void {
    const pleased = this.#interested.get(event);
    for (const queued of this.#pods.values()) {
      if (queued.place !== 'unschedulable') continue;
      if (queued.refusedBy.size === 0 || [...queued.refusedBy].some((plugin) => pleased?.has(plugin))) this.#move(queued);
    }
  }

  #delayMs({ attempts }: QueuedPod): number {
    return retryDelayMs(backoff, attempts, { next: () => 0 });
  }

  #move(queued: QueuedPod): void {
    if (queued.readyMs <= this.#options.clock.monotonicMs()) {
      this.#activate(queued);
      return;
    }
    queued.place = 'backoff';
    this.#backoff.push(queued);
    this.#arm();
  }

  #activate(queued: QueuedPod): void {
    queued.place = 'active';
    this.#active.push(queued);
    this.#options.ready();
  }

  /** A heap cannot move what it holds: the entry gives way to one with the same standing. */
  #replace(queued: QueuedPod): void {
    const fresh: QueuedPod = { ...queued };
    queued.place = 'inFlight';
    this.#pods.set(fresh.pod.uid, fresh);
    this.#activate(fresh);
  }

  #arm(): void {
    this.#backoffTimer?.cancel();
    const next = this.#backoff.peek();
    if (!next) return;
    const { clock } = this.#options;
    this.#backoffTimer = clock.after('scheduler back-off', Math.max(0, next.readyMs - clock.monotonicMs()), () => {
      const nowMs = clock.monotonicMs();
      for (let due = this.#backoff.peek(); due && due.readyMs <= nowMs; due = this.#backoff.peek()) {
        this.#backoff.pop();
        if (due.place === 'backoff') this.#activate(due);
      }
      this.#arm();
    });
  }
}
