import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';
import type { TrafficClass } from '@flotilla/shared/protocol/traffic-messages.js';
import type { LinkMeter } from '#hublink/types.ts';

/** Bytes by class since this agent started. */
export type Counts = Partial<Record<TrafficClass, { up: number; down: number }>>;

const classOfKind: Readonly<Record<UpKind | DownKind, TrafficClass>> = {
  hello: 'status',
  welcome: 'status',
  retry: 'status',
  report: 'status',
  ack: 'status',
  refusal: 'status',
  traffic: 'status',
  lease: 'heartbeat',
  grant: 'heartbeat',
  log: 'logs',
  stream: 'streams',
  call: 'streams',
  applied: 'sync',
  want: 'sync',
  manifest: 'sync',
  objects: 'sync',
  token: 'sync',
  operation: 'sync',
  recall: 'sync',
  update: 'sync',
};

/** Of TLS, for each record. */
const recordBytes = 22;
/** Of TCP and IP, for each segment and for each acknowledgement. */
const headerBytes = 52;
const segmentBytes = 1400;
/** MQTT's own, beside the topic. */
const packetBytes = 5;

/** What so many bytes of TLS are on the wire, and the acknowledgements that come the other way. Reckoned, not seen. */
export function onWire(bytes: number): { readonly there: number; readonly back: number } {
  const segments = Math.ceil(bytes / segmentBytes);
  return { there: bytes + segments * headerBytes, back: Math.ceil(segments / 2) * headerBytes };
}

/** Sorts what travels over the link by what it is for. */
export class LinkCounter implements LinkMeter {
  readonly counts: Counts = {};
  /** Bytes inside TCP that are counted here: the rest of what a connection carried were handshakes. */
  readonly inside = { up: 0, down: 0 };
  #eventShare = 0;

  /** From here on reports are this one. */
  reporting(report: StatusReport): void {
    const events = report.events.length === 0 ? 0 : JSON.stringify(report.events).length;
    this.#eventShare = events === 0 ? 0 : events / JSON.stringify(report).length;
  }

  message(direction: 'up' | 'down', kind: UpKind | DownKind, bytes: number): void {
    const inside = bytes + packetBytes + recordBytes;
    const events = kind === 'report' ? this.#eventShare : 0;
    if (events > 0) this.#add(direction, 'events', inside, events);
    this.#add(direction, classOfKind[kind], inside, 1 - events);
  }

  ping(direction: 'up' | 'down', bytes: number): void {
    this.#add(direction, 'heartbeat', bytes + recordBytes, 1);
  }

  #add(direction: 'up' | 'down', name: TrafficClass, inside: number, share: number): void {
    const { there, back } = onWire(inside);
    const counts = this.counts[name] ?? { up: 0, down: 0 };
    this.counts[name] = counts;
    const other = direction === 'up' ? 'down' : 'up';
    this.inside[direction] += Math.round(inside * share);
    counts[direction] += Math.round(there * share);
    counts[other] += Math.round(back * share);
  }
}
