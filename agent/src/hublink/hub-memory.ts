import type { X509Certificate } from 'node:crypto';

/** A TLS session that can be resumed, and the certificates that were checked when it began. */
export interface KeptSession {
  readonly session: Buffer;
  readonly chain: readonly X509Certificate[];
}

const mostEndpoints = 16;

/**
 * What is kept of the hub from one connection to the next, in memory only: TLS sessions by endpoint. Node shows no certificate on a
 * resumed connection and calls it authorized, so a session is worth as much as the certificates that were checked when it began: they
 * stand here beside it and are checked again each time.
 */
export class HubMemory {
  readonly #sessions = new Map<string, KeptSession>();

  session(endpoint: string): KeptSession | undefined {
    return this.#sessions.get(endpoint);
  }

  /** Only for connections whose other end was checked. */
  keep(endpoint: string, kept: KeptSession): void {
    this.#sessions.delete(endpoint);
    this.#sessions.set(endpoint, kept);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > mostEndpoints && oldest !== undefined) this.#sessions.delete(oldest);
  }

  drop(endpoint: string): void {
    this.#sessions.delete(endpoint);
  }
}
