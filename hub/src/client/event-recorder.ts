import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { EventCorrelator } from './event-correlator.ts';
import type { Client, EventRecorder } from './types.ts';

/** What we write of core/v1 Event. */
export interface RecordedEvent extends KubeObject {
  involvedObject: { apiVersion?: string; kind?: string; namespace?: string; name?: string; uid?: string; resourceVersion?: string };
  reason: string;
  message: string;
  type: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string };
  reportingComponent: string;
  reportingInstance: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<Client, 'resource'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `default-scheduler`, `deployment-controller`, … */
  readonly component: string;
  /** The most events that wait to be written; beyond it new ones are dropped and counted in the log. */
  readonly maxWaiting?: number;
}

/** Writes at once, at most. */
const parallel = 32;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #events;
  readonly #correlator: EventCorrelator;
  readonly #waiting: (() => Promise<void>)[] = [];
  #writing = 0;
  #dropped = 0;
  #sequence = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#events = options.client.resource<RecordedEvent>('', 'events');
    this.#correlator = new EventCorrelator(options.clock);
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const uid = about.metadata?.uid ?? '';
    const decision = this.#correlator.observe(uid, type, reason, message.slice(0, 1024));
    if (!decision) return;
    if (this.#waiting.length >= (this.#options.maxWaiting ?? 10_000)) {
      if (this.#dropped++ % 1000 === 0) this.#options.logger.warn('too many events waiting; dropped', { dropped: this.#dropped });
      return;
    }
    const event = this.#make(about, type, reason, decision.message);
    this.#waiting.push(() => decision.entry.writes.run(() => this.#write(decision, event)));
    this.#pump();
  }

  #make(about: KubeObject, type: string, reason: string, message: string): RecordedEvent {
    const { clock, component } = this.#options;
    const meta = about.metadata ?? {};
    // Cluster-scoped objects have their events in `default`.
    const namespace = meta.namespace || 'default';
    const wallMs = clock.wallMs();
    const now = kubeTime(wallMs);
    // Kubernetes takes the nanosecond; ours has milliseconds and a count.
    const stamp = (BigInt(Math.floor(wallMs)) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${(meta.name ?? '').slice(0, 230)}.${stamp}`, namespace },
      involvedObject: {
        ...(about.kind ? { kind: about.kind } : {}),
        ...(about.apiVersion ? { apiVersion: about.apiVersion } : {}),
        ...(meta.namespace ? { namespace: meta.namespace } : {}),
        ...(meta.name ? { name: meta.name } : {}),
        ...(meta.uid ? { uid: meta.uid } : {}),
        ...(meta.resourceVersion ? { resourceVersion: meta.resourceVersion } : {}),
      },
      reason,
      message,
      type,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    };
  }

  #pump(): void {
    while (this.#writing < parallel) {
      const write = this.#waiting.shift();
      if (!write) return;
      this.#writing++;
      void write()
        .catch((error: unknown) => this.#options.logger.debug('an event was not written', { error }))
        .finally(() => {
          this.#writing--;
          this.#pump();
        });
    }
  }

  async #write({ entry, message }: { entry: { name?: string }; message: string }, event: RecordedEvent): Promise<void> {
    const namespace = event.metadata?.namespace ?? '';
    if (entry.name) {
      try {
        await this.#events.update(namespace, entry.name, (there) => ({
          ...there,
          message,
          count: (there.count ?? 1) + 1,
          lastTimestamp: event.lastTimestamp,
        }));
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    try {
      entry.name = (await this.#events.create(namespace, event)).metadata?.name ?? '';
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
