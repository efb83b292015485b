import type { Logger } from '@flotilla/shared/log/logger.js';
import type { SignedContent } from '@flotilla/shared/protocol/content.js';
import { parseRecallQuestion, type RecallAnswer, type RecalledTombstone, recallLimits } from '@flotilla/shared/protocol/recall-messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';
import type { Tombstone } from './tombstones.ts';

export interface RecallAnswersOptions {
  readonly content: () => Promise<SignedContent | undefined>;
  readonly tombstones: () => Iterable<Tombstone>;
  readonly logger: Logger;
}

type Part = Omit<RecallAnswer, 'session' | 'part' | 'parts'>;

/**
 * Gives a hub that lost its memory back what it signed for this board, part by part, and which pods ended here. A board answers any hub
 * that it has a session with: that hub has proven itself, and all of it came from there.
 */
export class RecallAnswers implements LinkPart {
  readonly kinds: readonly DownKind[] = ['recall'];
  readonly #options: RecallAnswersOptions;
  /** What part 0 began; the same for all parts of one recall. */
  #parts: Promise<readonly Part[]> | undefined;

  constructor(options: RecallAnswersOptions) {
    this.#options = options;
  }

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const { session, part } = parseRecallQuestion(value);
    if (session !== channel.session) return;
    if (part === 0 || !this.#parts) this.#parts = this.#cut();
    this.#answer(channel, part, this.#parts).catch((error: unknown) =>
      this.#options.logger.warn('could not answer a recall', { part, error }),
    );
  }

  end(): void {
    this.#parts = undefined;
  }

  async #answer(channel: LinkChannel, part: number, cut: Promise<readonly Part[]>): Promise<void> {
    const parts = await cut;
    const wanted = parts[part];
    if (wanted) await channel.send('recall', { session: channel.session, part, parts: parts.length, ...wanted } satisfies RecallAnswer);
  }

  async #cut(): Promise<Part[]> {
    const content = await this.#options.content();
    const tombstones = [...this.#options.tombstones()].slice(-recallLimits.tombstones).map(trimmed);
    const parts: { objects: Record<string, string>; tombstones: RecalledTombstone[]; bytes: number }[] = [];
    const room = (bytes: number): (typeof parts)[number] => {
      let last = parts.at(-1);
      if (!last || (last.bytes > 0 && last.bytes + bytes > recallLimits.partBytes)) {
        last = { objects: {}, tombstones: [], bytes: 0 };
        parts.push(last);
      }
      last.bytes += bytes;
      return last;
    };
    for (const [key, text] of Object.entries(content?.objects ?? {})) room(key.length + text.length).objects[key] = text;
    for (const stone of tombstones) room(100 + stone.namespace.length + stone.name.length).tombstones.push(stone);
    const [first = { objects: {}, tombstones: [] }, ...others] = parts.map(({ objects, tombstones: stones }) => ({
      objects,
      tombstones: stones,
    }));
    return [{ ...(content ? { envelope: content.envelope } : {}), ...first }, ...others];
  }
}

function trimmed({ uid, namespace, name, status }: Tombstone): RecalledTombstone {
  return { uid, namespace, name, phase: typeof status['phase'] === 'string' ? status['phase'] : '' };
}
