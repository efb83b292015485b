import { createHash } from 'node:crypto';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isAlreadyExists } from '@flotilla/shared/errors/status.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import type { Client } from '#client/types.ts';
import type { ApiEvent } from '../objects.ts';

const idAnnotation = 'fleet.flotilla.dev/board-event';
const remembered = 1024;

/**
 * Makes Events of what happened on one board, each once by its id. Like the kubelet's recorder, what repeats (same object, reason and
 * message) counts up the Event that is there; source and reporter are the kubelet's, because tools select by them.
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

  async record(event: BoardEvent, nowMs: number): Promise<void> {
    if (this.#taken.has(event.id)) return;
    const about = { apiVersion: 'v1', ...event.involvedObject };
    const namespace = about.namespace ?? 'default';
    const name = `${about.name}.${nameOf(this.#node, event)}`;
    // A board whose clock is wrong must not date its events years away.
    const time = kubeTime(Math.abs(event.wallMs - nowMs) < 24 * 3_600_000 ? event.wallMs : nowMs);
    const events = this.#client.resource<ApiEvent>('', 'events');
    const made = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace, annotations: { [idAnnotation]: event.id } },
      involvedObject: about,
      reason: event.reason,
      message: event.message,
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
        if (current.metadata?.annotations?.[idAnnotation] === event.id) return current;
        const annotations = { ...current.metadata?.annotations, [idAnnotation]: event.id };
        return { ...current, metadata: { ...current.metadata, annotations }, count: (current.count ?? 1) + 1, lastTimestamp: time };
      });
    }
    this.#taken.add(event.id);
    for (const oldest of this.#taken) {
      if (this.#taken.size <= remembered) break;
      this.#taken.delete(oldest);
    }
  }
}

/** Names the Event by what makes two events the same; the form client-go gives (`NAME.HEX`). */
function nameOf(node: string, { involvedObject, type, reason, message }: BoardEvent): string {
  const text = JSON.stringify([node, involvedObject, type, reason, message]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
