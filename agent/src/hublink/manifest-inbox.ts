import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import {
  type ManifestUpdate,
  type ObjectPart,
  type ObjectWant,
  openManifest,
  parseObjects,
} from '@flotilla/shared/protocol/manifest-messages.js';
import { ProtocolError, type RefusalReason } from '@flotilla/shared/protocol/protocol-error.js';
import type { DownKind, TopicScope } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkHandlers, LinkPart, ManifestOutcome } from './types.ts';

export interface ManifestInboxOptions {
  readonly handlers: Pick<LinkHandlers, 'manifest' | 'objects' | 'applied'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: TopicScope;
  readonly manifestKeys: readonly PinnedKey[];
}

/** How much is asked for at once: what takes a few seconds on this line. */
const firstPageBytes = 64 * 1024;
const leastPageBytes = 16 * 1024;
const quickMs = 3_000;
const slowMs = 10_000;
/** Until an answer counts as lost. */
const firstAgainMs = 15_000;
const longestAgainMs = 60_000;

/**
 * Hands manifests to the agent one at a time, over sessions: of several that wait only the newest. Fetches the objects that the agent
 * then misses page by page, and answers every manifest with what is in hand once nothing of it is missing any more.
 */
export class ManifestInbox implements LinkPart {
  readonly kinds: readonly DownKind[] = ['manifest', 'objects'];
  readonly #options: ManifestInboxOptions;
  #channel: LinkChannel | undefined;
  #next: ManifestUpdate | undefined;
  #parts: readonly ObjectPart[] | undefined;
  #busy = false;
  /** What was asked for in this session and has not come. */
  #asked: { readonly wants: readonly ObjectWant[]; readonly atMs: number; readonly timer: Timer } | undefined;
  #pageBytes = firstPageBytes;
  #againMs = firstAgainMs;

  constructor(options: ManifestInboxOptions) {
    this.#options = options;
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
    this.#againMs = firstAgainMs;
  }

  end(): void {
    this.#channel = undefined;
    this.#answered();
    this.#parts = undefined;
  }

  receive(kind: DownKind, value: unknown): void {
    if (kind === 'manifest') {
      const update = openManifest(this.#options.manifestKeys, this.#options.scope, value);
      this.#next = update;
    } else {
      const { session, parts } = parseObjects(value);
      // What comes a second time must not be asked for a second time: each copy would beget another.
      if (session !== this.#channel?.session || !this.#asked || !answers(parts, this.#asked.wants)) return;
      this.#measure(this.#options.clock.monotonicMs() - this.#asked.atMs);
      this.#answered();
      this.#parts = parts;
    }
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    let result: ManifestOutcome | ProtocolError = { applied: false, wants: [] };
    while (this.#next || this.#parts) {
      // A newer manifest first: it says whether what came is still wanted.
      const [update, parts] = [this.#next, this.#next ? undefined : this.#parts];
      this.#next = undefined;
      if (parts) this.#parts = undefined;
      result = await this.#hand(update, parts);
    }
    this.#busy = false;
    if (result instanceof ProtocolError) this.#settled(result);
    else if (result.wants.length > 0) this.#ask(result.wants);
    else this.#settled();
  }

  async #hand(update: ManifestUpdate | undefined, parts: readonly ObjectPart[] = []): Promise<ManifestOutcome | ProtocolError> {
    const { handlers, logger } = this.#options;
    try {
      return update ? await handlers.manifest(update) : await handlers.objects(parts);
    } catch (error) {
      if (error instanceof ProtocolError && error.reason === 'Gap') logger.info('asks for a complete manifest', { because: error.message });
      else logger.error('could not take over a manifest', { generation: update?.generation, error });
      return error instanceof ProtocolError ? error : new ProtocolError('Failed', describeError(error));
    }
  }

  /** Tells the hub what is in hand now. */
  #settled(failure?: { readonly reason: RefusalReason; readonly message: string }): void {
    this.#answered();
    const channel = this.#channel;
    if (!channel) return;
    const quietly = (sent: Promise<void>): void => void sent.catch(() => {});
    if (failure) {
      const message = failure.message.slice(0, linkLimits.proseBytes);
      quietly(channel.send('refusal', { about: 'manifest', reason: failure.reason, message }));
    }
    const applied = this.#options.handlers.applied();
    quietly(channel.send('applied', { session: channel.session, ...(applied ? { applied } : {}) }));
  }

  #ask(wants: readonly ObjectWant[]): void {
    const channel = this.#channel;
    // A copy of the manifest came while its objects are on their way.
    if (!channel || (this.#asked && JSON.stringify(this.#asked.wants) === JSON.stringify(wants))) return;
    this.#answered();
    void channel.send('want', { session: channel.session, bytes: this.#pageBytes, wants }).catch(() => {});
    const timer = this.#options.clock.after('hublink: objects again', this.#againMs, () => {
      this.#asked = undefined;
      this.#againMs = Math.min(this.#againMs * 2, longestAgainMs);
      this.#measure(slowMs);
      this.#ask(wants);
    });
    this.#asked = { wants, atMs: this.#options.clock.monotonicMs(), timer };
  }

  #answered(): void {
    this.#asked?.timer.cancel();
    this.#asked = undefined;
  }

  #measure(tookMs: number): void {
    if (tookMs < slowMs) this.#againMs = firstAgainMs;
    if (tookMs < quickMs) this.#pageBytes = Math.min(this.#pageBytes * 2, linkLimits.pageBytes);
    if (tookMs >= slowMs) this.#pageBytes = Math.max(this.#pageBytes / 2, leastPageBytes);
  }
}

function answers(parts: readonly ObjectPart[], wants: readonly ObjectWant[]): boolean {
  return parts.some((part) => wants.some(({ digest, offset }) => part.digest === digest && part.offset === offset));
}
