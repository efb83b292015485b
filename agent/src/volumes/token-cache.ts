import { createHash } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';

export interface TokenCacheOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requestToken: (request: TokenRequest) => Promise<{ token: string; expirationWallMs: number }>;
}

interface Kept {
  readonly token: string;
  readonly issuedWallMs: number;
  readonly lifeMs: number;
}

interface Held extends Kept {
  /** Monotonic. */
  readonly refreshAtMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const retryMs = 5 * 60 * 1000;

/**
 * Tokens for pods' projected volumes. A token is renewed at 80 % of its life or after a day. While the hub is away the last one stays
 * in use, expired or not, also after a reboot: a pod is never kept from starting because its board is offline. The copy on disk is
 * renewed at most once a day, so that an idle board writes nothing.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: TokenCacheOptions) {
    this.#options = options;
  }

  /**
   * @param dir of the pod, for the copy on disk
   * @throws Error when there is no token yet and the hub gives none
   */
  async get(request: TokenRequest, dir: string): Promise<{ token: string; refreshAtMs: number }> {
    const { clock, files, logger } = this.#options;
    const name = createHash('sha256')
      .update(JSON.stringify([request.serviceAccount, request.audience ?? '', request.expirationSeconds]))
      .digest('hex')
      .slice(0, 32);
    const key = `${request.podUid}/${name}`;
    const path = `${dir}/tokens/${name}`;
    let held = this.#held.get(key) ?? (await this.#read(path));
    if (!held || held.refreshAtMs <= clock.monotonicMs()) {
      try {
        const { token, expirationWallMs } = await this.#options.requestToken(request);
        const issuedWallMs = clock.wallMs();
        // The hub may give less than was asked for; a board whose clock is wrong must not take its own for the difference.
        const leftMs = expirationWallMs - issuedWallMs;
        const askedMs = request.expirationSeconds * 1000;
        const kept = { token, issuedWallMs, lifeMs: leftMs > 0 ? Math.min(leftMs, askedMs) : askedMs };
        const onDisk = await this.#read(path);
        if (!onDisk || Math.abs(kept.issuedWallMs - onDisk.issuedWallMs) >= dayMs) {
          await files.mkdir(`${dir}/tokens`, { mode: 0o700 });
          await files.writeAtomic(path, JSON.stringify(kept), { mode: 0o600 });
        }
        held = this.#hold(kept);
      } catch (error) {
        if (!held) throw new Error(`failed to fetch token: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        logger.info('keeping a token that is due for renewal', { pod: request.podName, namespace: request.namespace });
        held = { ...held, refreshAtMs: clock.monotonicMs() + retryMs };
      }
    }
    this.#held.set(key, held);
    return held;
  }

  forget(podUid: string): void {
    for (const key of this.#held.keys()) if (key.startsWith(`${podUid}/`)) this.#held.delete(key);
  }

  #hold(kept: Kept): Held {
    const { clock } = this.#options;
    const lifeMs = Math.max(0, Math.min(dayMs, 0.8 * kept.lifeMs));
    // The wall clock may be anywhere after a reboot: never wait longer than one life.
    const leftMs = Math.min(lifeMs, kept.issuedWallMs + lifeMs - clock.wallMs());
    return { ...kept, refreshAtMs: clock.monotonicMs() + leftMs };
  }

  async #read(path: string): Promise<Held | undefined> {
    const text = await this.#options.files.readText(path);
    try {
      const kept = text === undefined ? undefined : (JSON.parse(text) as Partial<Kept>);
      // One of an older agent has no life: it is due.
      return kept?.token === undefined
        ? undefined
        : this.#hold({ token: kept.token, issuedWallMs: kept.issuedWallMs ?? 0, lifeMs: kept.lifeMs ?? 0 });
    } catch {
      return undefined;
    }
  }
}
