import { hash } from 'node:crypto';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isAlreadyExists } from '@flotilla/shared/errors/status.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import type { Client } from '#client/types.ts';
import type { ApiEvent } from '../objects.ts';

const idAnnotation = 'fleet.flotilla.dev/board-event';
/** `EARLIEST/LATEST`: on an Event of which nobody knows when exactly it happened. */
const estimateAnnotation = 'fleet.flotilla.dev/estimated-time';
const remembered = 1024;
/** Writes at a time for one board. */
const parallel = 32;
/** Intervals shorter than this are as good as exact. */
const exactMs = 5_000;

interface Dated {
  readonly time: string;
  /** Undefined when `time` is true. */
  readonly between?: readonly [string, string];
}

/**
 * Makes Events of what happened on one board, each once by its id. Like the kubelet's recorder, what repeats (same object, reason and
 * message) counts up the Event that is there; source and reporter are the kubelet's, because tools select by them.
 *
 * INVARIANT: an Event carries the id of the newest of the board's events that it counts, and boards tell events in the order of their
 * ids; so what is told again, after a hub restart too, changes nothing.
 */
export class BoardEvents {
  readonly #client: Client;
  readonly #node: string;
  /** Ids taken in this session, oldest first. */
  readonly #taken = new Set<string>();

  constructor(client: Client, node: string) {
    this.#client = client;
    this.#node = node;
  }

  /**
   * Those of one report. What makes one Event is written one after another, since it counts up by the order of the ids; different
   * Events are written side by side, in the order in which they happened, and commit together.
   * @param settle what becomes of a write that fails
   */
  async recordAll(
    events: readonly BoardEvent[],
    nowMs: number,
    settle: (event: BoardEvent, write: Promise<void>) => Promise<void>,
  ): Promise<void> {
    for (let at = 0; at < events.length; at += parallel) {
      const writes = new Map<string, Promise<void>>();
      for (const event of events.slice(at, at + parallel)) {
        const name = this.#nameOf(event);
        const before = writes.get(name);
        const write = (): Promise<void> => settle(event, this.#record(event, name, nowMs));
        writes.set(name, before === undefined ? write() : before.then(write));
      }
      await Promise.all(writes.values());
    }
  }

  #nameOf(event: BoardEvent): string {
    return `${event.involvedObject.name}.${nameOf(this.#node, event)}`;
  }

  record(event: BoardEvent, nowMs: number): Promise<void> {
    return this.#record(event, this.#nameOf(event), nowMs);
  }

  async #record(event: BoardEvent, name: string, nowMs: number): Promise<void> {
    if (this.#taken.has(event.id)) return;
    const about = { apiVersion: 'v1', ...event.involvedObject };
    const namespace = about.namespace ?? 'default';
    const { time, between } = dateOf(event, nowMs);
    const message = between ? `${event.message} (time estimated: between ${between[0]} and ${between[1]})` : event.message;
    const annotations = { [idAnnotation]: event.id, ...(between ? { [estimateAnnotation]: between.join('/') } : {}) };
    const events = this.#client.resource<ApiEvent>('', 'events');
    const made = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace, annotations },
      involvedObject: about,
      reason: event.reason,
      message,
      type: event.type,
      source: { component: 'kubelet', host: this.#node },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: 'kubelet',
      reportingInstance: this.#node,
    };
    try {
      await events.create(namespace, made as ApiEvent);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await events.update(namespace, name, (current) => {
        const { [idAnnotation]: last = '', [estimateAnnotation]: _old, ...others } = current.metadata?.annotations ?? {};
        if (isUpTo(event.id, last)) return current;
        const metadata = { ...current.metadata, annotations: { ...others, ...annotations } };
        return { ...current, metadata, message, count: (current.count ?? 1) + 1, lastTimestamp: time };
      });
    }
    this.#taken.add(event.id);
    for (const oldest of this.#taken) {
      if (this.#taken.size <= remembered) break;
      this.#taken.delete(oldest);
    }
  }
}

/** In true time where the board knows it, else as the end of the interval in which it must have been. */
function dateOf({ wallMs, notBeforeMs, notAfterMs }: BoardEvent, nowMs: number): Dated {
  if (notBeforeMs === undefined || notAfterMs === undefined) {
    // A board whose clock is wrong must not date its events years away.
    return { time: kubeTime(Math.abs(wallMs - nowMs) < 24 * 3_600_000 ? wallMs : nowMs) };
  }
  const latestMs = Math.min(notAfterMs, nowMs);
  const earliestMs = Math.min(notBeforeMs, latestMs);
  const time = kubeTime(wallMs >= earliestMs && wallMs <= latestMs ? wallMs : latestMs);
  return latestMs - earliestMs < exactMs ? { time } : { time, between: [kubeTime(earliestMs), kubeTime(latestMs)] };
}

/** Whether the board told this one before: `RUN-COUNT`, both of which only grow; other ids have no order. */
function isUpTo(id: string, last: string): boolean {
  const [own, other] = [id, last].map((text) => /^(\d{1,15})-(\d{1,15})$/.exec(text)?.slice(1).map(Number));
  if (!own || !other) return id === last;
  const [run = 0, count = 0] = own;
  const [lastRun = 0, lastCount = 0] = other;
  return run < lastRun || (run === lastRun && count <= lastCount);
}

/** Names the Event by what makes two events the same; the form client-go gives (`NAME.HEX`). */
function nameOf(node: string, { involvedObject, type, reason, message }: BoardEvent): string {
  const text = JSON.stringify([node, involvedObject, type, reason, message]);
  return hash('sha256', text, 'hex').slice(0, 16);
}
