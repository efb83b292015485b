import type { Envelope } from './envelope.ts';
import { linkLimits } from './limits.ts';
import type { AckMessage, TokenAnswer, Welcome } from './link-messages.ts';
import { Shape } from './shape.ts';

/** Messages of the hub, checked field by field. Each throws ProtocolError `Malformed`. */

export function parseEnvelope(value: unknown): Envelope {
  const shape = new Shape('envelope', value);
  return { keyId: shape.text('keyId'), signature: shape.text('signature'), payload: shape.text('payload', linkLimits.inflatedBytes) };
}

export function parseWelcome(value: unknown): Welcome {
  const shape = new Shape('welcome', value);
  return {
    nonce: shape.text('nonce'),
    version: shape.integer('version'),
    session: shape.integer('session'),
    wallMs: shape.integer('wallMs'),
    ...(shape.has('reported') ? { reported: shape.boolean('reported') } : {}),
  };
}

export function parseAck(value: unknown): AckMessage {
  const shape = new Shape('ack', value);
  return { session: shape.integer('session'), number: shape.integer('number') };
}

export function parseTokenAnswer(value: unknown): TokenAnswer {
  const shape = new Shape('token', value);
  const head = { session: shape.integer('session'), id: shape.text('id') };
  if (shape.has('error')) return { ...head, error: shape.text('error', linkLimits.proseBytes) };
  return { ...head, token: shape.text('token', 16 * 1024), expirationWallMs: shape.integer('expirationWallMs') };
}
