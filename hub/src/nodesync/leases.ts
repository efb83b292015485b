import { type Clock, kubeMicroTime, type Timer } from '@flotilla/shared/clock/clock.js';
import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Client } from '#client/types.ts';
import type { Lease } from './objects.ts';

const namespace = 'kube-node-lease';
/** Liveness is in memory, and a Lease that is read shows it; written, for those who watch, it is this seldom, all in one go. */
const renewEveryMs = 10 * 60_000;

export interface LeasesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nodes with a live session. */
  readonly connected: () => readonly string[];
  readonly isConnected: (node: string) => boolean;
}

/**
 * The Lease of each node in kube-node-lease. `leaseDurationSeconds` covers the seldom renewal, so that a client that compares
 * `renewTime` with it comes to the right answer for boards that are there.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #writing = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after('nodesync: leases', renewEveryMs, () => {
      for (const node of this.#options.connected()) this.renew(node);
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** At the begin of a session, and then seldom; a lease that is fresh enough is left alone. Never throws. */
  renew(node: string): void {
    const { client, clock, logger } = this.#options;
    const lease = client.informer<Lease>('coordination.k8s.io', 'leases').get(`${namespace}/${node}`);
    const ageMs = clock.wallMs() - Date.parse(lease?.spec?.renewTime ?? '');
    if (this.#writing.has(node) || (ageMs >= 0 && ageMs < renewEveryMs / 2)) return;
    this.#writing.add(node);
    this.#write(node)
      .catch((error: unknown) => logger.warn('could not renew the lease of a node', { node, error }))
      .finally(() => this.#writing.delete(node));
  }

  /** When the Lease was written last; undefined without one. */
  renewedMs(node: string): number | undefined {
    const lease = this.#options.client.informer<Lease>('coordination.k8s.io', 'leases').get(`${namespace}/${node}`);
    return Date.parse(lease?.spec?.renewTime ?? '') || undefined;
  }

  /** A board's Lease as memory knows it: renewed at this moment while its session lives, else as it was written. */
  shown(lease: Lease): Lease {
    const { name = '', namespace: of } = lease.metadata ?? {};
    if (of !== namespace || !this.#options.isConnected(name)) return lease;
    return { ...lease, spec: { ...lease.spec, renewTime: kubeMicroTime(this.#options.clock.wallMs()) } };
  }

  async #write(node: string): Promise<void> {
    const { client, clock } = this.#options;
    const leases = client.resource<Lease>('coordination.k8s.io', 'leases');
    const spec = { holderIdentity: node, leaseDurationSeconds: (2 * renewEveryMs) / 1000, renewTime: kubeMicroTime(clock.wallMs()) };
    const uid = client.informer('', 'nodes').get(node)?.metadata?.uid;
    // With the Node as its owner the Lease goes when the Node goes.
    const owner = uid ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid }] } : {};
    const update = (): Promise<Lease> =>
      leases.update(namespace, node, (current) => ({
        ...current,
        metadata: { ...current.metadata, ...owner },
        spec: { ...current.spec, ...spec },
      }));
    const fresh: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: node, namespace, ...owner }, spec };
    try {
      await update();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await leases.create(namespace, fresh).catch((late: unknown) => {
        if (!isAlreadyExists(late)) throw late;
      });
    }
  }
}
