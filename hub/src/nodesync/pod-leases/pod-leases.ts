import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { leaseOf, offlineAnnotations } from '@flotilla/shared/api/offline-policy.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { type LeaseGrant, parseLeaseRequest } from '@flotilla/shared/protocol/lease-messages.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import type { Client, Informer } from '#client/types.ts';
import type { NodeChannel, NodePart } from '../node-part.ts';
import { LeaseBook } from './lease-book.ts';

export interface PodLeasesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

const byNode = 'nodeName';

/** Grants the leases of pods that stop with them, one answer for all of a board's, and knows when the last one is over. Keeps nothing on disk. */
export class PodLeases implements NodePart {
  readonly kinds: readonly UpKind[] = ['lease'];
  readonly #options: PodLeasesOptions;
  readonly #pods: Informer<Pod>;
  readonly #book: LeaseBook;
  readonly #startedWallMs: number;
  readonly #old = new Set<string>();

  constructor(options: PodLeasesOptions) {
    const { client, clock } = options;
    this.#options = options;
    this.#pods = client.informer<Pod>('', 'pods');
    this.#pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
    // As coarse as creation timestamps are.
    this.#startedWallMs = Math.floor(clock.wallMs() / 1000) * 1000;
    this.#book = new LeaseBook({ startMs: clock.monotonicMs() });
  }

  /** Once the informers are filled, and before any board may connect. */
  start(): void {
    for (const { metadata } of this.#pods.list()) this.#old.add(metadata?.uid ?? '');
    this.#pods.on({
      deleted: ({ metadata }) => {
        this.#book.forget(metadata?.uid ?? '');
        this.#old.delete(metadata?.uid ?? '');
      },
    });
  }

  receive(_kind: UpKind, value: unknown, channel: NodeChannel): void {
    const request = parseLeaseRequest(value);
    const { device } = channel;
    if (request.session !== device.epoch || request.bootId !== device.bootId) return;
    const held = new Set(request.held);
    const asked = new Set([...request.held, ...request.void]);
    const nowMs = this.#options.clock.monotonicMs();
    const pods: Record<string, number> = {};
    for (const pod of this.#pods.byIndex(byNode, device.node)) {
      const uid = pod.metadata?.uid ?? '';
      const leaseMs = asked.has(uid) ? leaseOf(pod) : undefined;
      if (leaseMs === undefined || this.#isTaken(pod)) continue;
      if (this.#book.grant({ uid, leaseMs, fresh: !held.has(uid), old: this.#isOld(pod) }, nowMs)) pods[uid] = leaseMs;
    }
    const grant: LeaseGrant = { session: request.session, nonce: request.nonce, pods };
    channel
      .send('grant', grant)
      .catch((error: unknown) => this.#options.logger.debug('a grant did not go out', { node: device.node, error }));
  }

  /** Milliseconds until the last lease of this pod is over on its board, whatever becomes of the board; 0 when it is. */
  overInMs(pod: Pod): number {
    const leaseMs = leaseOf(pod) ?? 0;
    return Math.max(0, this.#book.overAtMs(pod.metadata?.uid ?? '', leaseMs) - this.#options.clock.monotonicMs());
  }

  /** Ends the granting for good, so that somebody else may run in this pod's place. False when its last lease is not over. */
  giveUp(pod: Pod): boolean {
    return this.#book.giveUp(pod.metadata?.uid ?? '', leaseOf(pod) ?? 0, this.#options.clock.monotonicMs());
  }

  /** What `giveUp` was for is in the store, or did not work out. */
  settle(pod: Pod): void {
    this.#book.settle(pod.metadata?.uid ?? '');
  }

  /** Somebody else may be running in its place. */
  #isTaken({ metadata }: Pod): boolean {
    return metadata?.annotations?.[offlineAnnotations.replacedIn] !== undefined;
  }

  #isOld({ metadata }: Pod): boolean {
    return this.#old.has(metadata?.uid ?? '') || Date.parse(metadata?.creationTimestamp ?? '') < this.#startedWallMs;
  }
}
