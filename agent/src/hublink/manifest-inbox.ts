import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { compareGenerations, type Generation, type NodeManifest } from '@flotilla/shared/protocol/messages.js';
import type { LinkHandlers } from './types.ts';

/**
 * Hands manifests to the agent one at a time, over sessions: only newer ones, and of several that wait only the newest.
 *
 * INVARIANT: the agent never gets a generation that is not newer than the one it has or is taking over.
 */
export class ManifestInbox {
  readonly #handlers: Pick<LinkHandlers, 'manifest' | 'applied'>;
  readonly #logger: Logger;
  readonly #settled: (failure: string | undefined) => void;
  #current: Generation | undefined;
  #next: NodeManifest | undefined;
  #busy = false;

  /** @param settled called when what was offered is dealt with: `applied()` tells what is in hand now. */
  constructor(options: {
    handlers: Pick<LinkHandlers, 'manifest' | 'applied'>;
    logger: Logger;
    settled: (failure: string | undefined) => void;
  }) {
    this.#handlers = options.handlers;
    this.#logger = options.logger;
    this.#settled = options.settled;
  }

  offer(manifest: NodeManifest): void {
    const newest = [this.#handlers.applied(), this.#current, this.#next?.generation];
    if (newest.some((known) => known && compareGenerations(manifest.generation, known) <= 0)) {
      if (!this.#busy) this.#settled(undefined);
      return;
    }
    this.#next = manifest;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    let failure: string | undefined;
    for (let manifest = this.#next; manifest; manifest = this.#next) {
      this.#next = undefined;
      this.#current = manifest.generation;
      failure = undefined;
      try {
        await this.#handlers.manifest(manifest);
      } catch (error) {
        failure = describeError(error);
        this.#logger.error('could not take over a manifest', { generation: manifest.generation, error });
      }
      this.#current = undefined;
    }
    this.#busy = false;
    this.#settled(failure);
  }
}
