import { type Duplex, duplexPair } from 'node:stream';
import type { Listener, Listeners } from './listeners.ts';

/** Connections in memory. */
export class FakeListeners implements Listeners {
  /** Addresses that this machine does not have. */
  readonly missing = new Set<string>();
  readonly #accept = new Map<string, (connection: Duplex) => void>();

  async listen({ host, port }: { readonly host: string; readonly port: number }, accept: (connection: Duplex) => void): Promise<Listener> {
    const at = `${host}:${port}`;
    if (this.missing.has(host)) throw Object.assign(new Error(`listen EADDRNOTAVAIL: ${at}`), { code: 'EADDRNOTAVAIL' });
    if (this.#accept.has(at)) throw Object.assign(new Error(`listen EADDRINUSE: ${at}`), { code: 'EADDRINUSE' });
    this.#accept.set(at, accept);
    return { close: () => void this.#accept.delete(at) };
  }

  /** The caller's end. @throws Error when nobody listens there */
  connect(host: string, port: number): Duplex {
    const accept = this.#accept.get(`${host}:${port}`);
    if (!accept) throw new Error(`connect ECONNREFUSED ${host}:${port}`);
    const [mine, theirs] = duplexPair();
    breaksWith(mine, theirs);
    breaksWith(theirs, mine);
    accept(theirs);
    return mine;
  }
}

/** As TCP does it: an end that is destroyed before both ways have ended takes the other with it. */
function breaksWith(one: Duplex, other: Duplex): void {
  one.once('close', () => {
    if (!one.readableEnded || !one.writableFinished) other.destroy();
  });
}
