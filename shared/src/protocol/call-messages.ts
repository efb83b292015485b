import { Shape } from './shape.ts';

/**
 * `call`, up: a program in a pod waits to speak to the API. The hub opens a stream of kind `api` with the same number, over which the bytes of
 * one TLS connection pass as they are: the board sees neither tokens nor answers. A call that is not answered in time is hung up.
 */
export interface CallMessage {
  readonly session: number;
  /** Of the board's choosing, each once in a session. */
  readonly call: number;
}

/** @throws ProtocolError Malformed */
export function parseCall(value: unknown): CallMessage {
  const shape = new Shape('call', value);
  return { session: shape.integer('session'), call: shape.integer('call', 1) };
}
