import { linkLimits } from './limits.ts';
import { Shape } from './shape.ts';

/**
 * `lease`, up: the board asks for another term of its pods that stop with their lease, all in one. A pod whose lease runs is in `held`,
 * one that may not run now in `void`. The term counts from the moment this was sent, on the board's boot clock.
 */
export interface LeaseRequest {
  readonly session: number;
  /** New in every request. */
  readonly nonce: string;
  readonly bootId: string;
  /** Uids. */
  readonly held: readonly string[];
  readonly void: readonly string[];
}

/** `grant`, down: the answer to the request with this nonce. A pod that is not named gets nothing. */
export interface LeaseGrant {
  readonly session: number;
  readonly nonce: string;
  /** Milliseconds by uid. */
  readonly pods: Readonly<Record<string, number>>;
}

/** @throws ProtocolError Malformed */
export function parseLeaseRequest(value: unknown): LeaseRequest {
  const shape = new Shape('lease', value);
  return {
    session: shape.integer('session'),
    nonce: shape.text('nonce'),
    bootId: shape.text('bootId'),
    held: uids(shape, 'held'),
    void: uids(shape, 'void'),
  };
}

/** @throws ProtocolError Malformed */
export function parseLeaseGrant(value: unknown): LeaseGrant {
  const shape = new Shape('grant', value);
  const entries = Object.entries(shape.object('pods'));
  if (entries.length > linkLimits.podsPerReport) throw shape.fault(`grant.pods has more than ${linkLimits.podsPerReport} entries`);
  const pods = new Map<string, number>();
  for (const [uid, ms] of entries) {
    if (typeof ms !== 'number' || !Number.isSafeInteger(ms) || ms < 0) throw shape.fault('grant.pods has a term that is no number');
    pods.set(uid, ms);
  }
  return { session: shape.integer('session'), nonce: shape.text('nonce'), pods: Object.fromEntries(pods) };
}

function uids(shape: Shape, name: string): string[] {
  return shape.list(name, linkLimits.podsPerReport).map((uid) => {
    if (typeof uid !== 'string' || uid.length > linkLimits.textBytes) throw shape.fault(`lease.${name} has something that is no uid`);
    return uid;
  });
}
