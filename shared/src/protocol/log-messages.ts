import type { PodReference } from './link-messages.ts';
import { Shape } from './shape.ts';

/** The most that is kept of one container's log, time stamps included. */
export const keptLogBytes = 64 * 1024;

/**
 * `log`, up: the end of the log of a container that failed, for when its board is away. One is on its way at a time; it is sent again
 * until it is acknowledged. The same container again replaces what was sent before.
 */
export interface KeptLogMessage {
  readonly session: number;
  readonly pod: PodReference;
  readonly container: string;
  /** As in the pod's status: `podman://…`. */
  readonly containerId: string;
  readonly attempt: number;
  /** Base64. Every line begins with its time (RFC 3339, nine digits of a second) and a space; the first one may be cut. */
  readonly log: string;
}

/** `log`, down: it is kept, or nobody wants it any more. */
export interface KeptLogAck {
  readonly session: number;
  readonly containerId: string;
}

/** @throws ProtocolError Malformed */
export function parseKeptLog(value: unknown): KeptLogMessage {
  const shape = new Shape('log', value);
  const pod = shape.nested('pod');
  return {
    session: shape.integer('session'),
    pod: { namespace: pod.text('namespace'), name: pod.text('name'), uid: pod.text('uid') },
    container: shape.text('container'),
    containerId: shape.text('containerId'),
    attempt: shape.integer('attempt'),
    log: shape.text('log', Math.ceil(keptLogBytes / 3) * 4),
  };
}

/** @throws ProtocolError Malformed */
export function parseKeptLogAck(value: unknown): KeptLogAck {
  const shape = new Shape('log', value);
  return { session: shape.integer('session'), containerId: shape.text('containerId') };
}
