import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { openContent } from '@flotilla/shared/protocol/content.js';
import type { Envelope, PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { parseRecallAnswer, type RecallAnswer, type RecalledTombstone, recallLimits } from '@flotilla/shared/protocol/recall-messages.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import type { NodeChannel, NodePart } from '../node-part.ts';

/** What a board gave back, proven: this hub's own signature is on it, for this very node. */
export interface RecalledBoard {
  readonly node: string;
  /** Undefined when the board has no whole content. */
  readonly content: { readonly generation: Generation; readonly objects: ReadonlyMap<string, KubeObject> } | undefined;
  /** The board's own word; nothing proves it. */
  readonly tombstones: readonly RecalledTombstone[];
}

/** Who wants boards recalled. */
export interface RecallTaker {
  /** Whether this board is still to be heard. */
  wants(node: string): boolean;
  /** Resolves when all of it is committed; rejects when it could not be: the board is asked again later. */
  take(board: RecalledBoard): Promise<void>;
  /** What came was not what this hub signed. */
  refused(node: string, why: string): void;
}

export interface RecallPartOptions {
  readonly taker: RecallTaker;
  readonly clusterId: string;
  /** The hub's own keys for manifests. */
  readonly keys: readonly PinnedKey[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An answer that does not come within this is asked for again. */
const againMs = 15_000;
const takeAgainMs = 30_000;
/** Boards that are recalled at one time: what they give back is in memory meanwhile. */
const atOnce = 32;

interface Recall {
  readonly channel: NodeChannel;
  part: number;
  parts: number | undefined;
  bytes: number;
  envelope: Envelope | undefined;
  readonly objects: Map<string, string>;
  readonly tombstones: RecalledTombstone[];
  timer: Timer | undefined;
  state: 'waiting' | 'asking' | 'taking';
}

/** Asks the boards that the hub wants to hear, a few at a time, part after part; hands on only what the hub itself has signed. */
export class RecallPart implements NodePart {
  readonly kinds: readonly UpKind[] = ['recall'];
  readonly #options: RecallPartOptions;
  readonly #recalls = new Map<string, Recall>();
  #asking = 0;

  constructor(options: RecallPartOptions) {
    this.#options = options;
  }

  begin(channel: NodeChannel): void {
    const { node } = channel.device;
    if (this.#options.taker.wants(node)) this.#recalls.set(node, fresh(channel));
    this.#next();
  }

  end({ device: { node, epoch } }: NodeChannel): void {
    const recall = this.#recalls.get(node);
    if (recall?.channel.device.epoch === epoch) this.#finish(recall);
  }

  receive(_kind: UpKind, value: unknown, { device }: NodeChannel): void {
    const answer = parseRecallAnswer(value);
    const recall = this.#recalls.get(device.node);
    if (recall?.state !== 'asking' || answer.session !== device.epoch || answer.part !== recall.part) return;
    try {
      this.#add(recall, answer);
      if (recall.part < (recall.parts ?? 0)) this.#ask(recall);
      else this.#take(recall, this.#proven(recall));
    } catch (error) {
      this.#finish(recall);
      if (error instanceof ProtocolError) this.#options.taker.refused(device.node, error.message);
      throw error;
    }
  }

  #add(recall: Recall, { part, parts, envelope, objects, tombstones }: RecallAnswer): void {
    if (recall.parts !== undefined && recall.parts !== parts) throw new ProtocolError('Malformed', 'the number of parts changed');
    recall.parts = parts;
    if (part === 0) recall.envelope = envelope;
    for (const [key, text] of Object.entries(objects)) {
      if (recall.objects.has(key)) throw new ProtocolError('Malformed', `${key.slice(0, 100)} came twice`);
      recall.bytes += key.length + text.length;
      recall.objects.set(key, text);
    }
    recall.tombstones.push(...tombstones);
    if (recall.bytes > recallLimits.bytes || recall.tombstones.length > recallLimits.tombstones)
      throw new ProtocolError('TooLarge', `a recall has at most ${recallLimits.bytes} bytes and ${recallLimits.tombstones} tombstones`);
    recall.part++;
  }

  #proven({ channel, envelope, objects, tombstones }: Recall): RecalledBoard {
    const { node } = channel.device;
    if (!envelope && objects.size > 0) throw new ProtocolError('Untrusted', 'objects came without a signature');
    const { clusterId, keys } = this.#options;
    const content = envelope && openContent(keys, { clusterId, node }, { envelope, objects: Object.fromEntries(objects) });
    return { node, content, tombstones };
  }

  #take(recall: Recall, board: RecalledBoard): void {
    recall.state = 'taking';
    recall.timer?.cancel();
    this.#options.taker.take(board).then(
      () => this.#finish(recall),
      (error: unknown) => {
        this.#options.logger.warn('could not take back what a board runs; it is asked again', { node: board.node, error });
        recall.timer = this.#options.clock.after('nodesync: recall again', takeAgainMs, () => {
          if (this.#recalls.get(board.node) !== recall) return;
          this.#finish(recall);
          this.begin(recall.channel);
        });
      },
    );
  }

  #next(): void {
    for (const recall of this.#recalls.values()) {
      if (this.#asking >= atOnce) return;
      if (recall.state !== 'waiting') continue;
      this.#asking++;
      recall.state = 'asking';
      this.#ask(recall);
    }
  }

  #ask(recall: Recall): void {
    recall.timer?.cancel();
    recall.channel.send('recall', { session: recall.channel.device.epoch, part: recall.part }).catch(() => {});
    recall.timer = this.#options.clock.after('nodesync: recall', againMs, () => this.#ask(recall));
  }

  #finish(recall: Recall): void {
    const { node } = recall.channel.device;
    if (this.#recalls.get(node) !== recall) return;
    recall.timer?.cancel();
    this.#recalls.delete(node);
    if (recall.state !== 'waiting') this.#asking--;
    this.#next();
  }
}

function fresh(channel: NodeChannel): Recall {
  const parts = { part: 0, parts: undefined, bytes: 0, envelope: undefined, objects: new Map(), tombstones: [] };
  return { channel, ...parts, timer: undefined, state: 'waiting' };
}
