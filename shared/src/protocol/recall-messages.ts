import type { Envelope } from './envelope.ts';
import { linkLimits } from './limits.ts';
import { parseEnvelope } from './parse-down.ts';
import { Shape } from './shape.ts';

/**
 * Messages of the kind `recall` (shared/docs/protocol.md, "Recall"): a hub that lost its store, or has an older one, asks each board for
 * the content that it signed for it, and for what ended there. It asks for one part after another; each may be asked for again.
 */

/** Hub → board. Part 0 begins anew. */
export interface RecallQuestion {
  readonly session: number;
  readonly part: number;
}

/** Board → hub. */
export interface RecallAnswer {
  readonly session: number;
  readonly part: number;
  /** How many there are: the same in every answer of one recall. */
  readonly parts: number;
  /** In part 0: what the objects were signed with. Missing on a board that has no whole content. */
  readonly envelope?: Envelope;
  /** JSON texts by key, as the board keeps them. */
  readonly objects: Readonly<Record<string, string>>;
  readonly tombstones: readonly RecalledTombstone[];
}

/** A pod that the board ran, that ended and was cleared away there. */
export interface RecalledTombstone {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The last phase: `Succeeded`, `Failed` or one that it had when it was removed. */
  readonly phase: string;
}

export const recallLimits = {
  parts: 512,
  /** Texts in one part, unless a single one is larger. */
  partBytes: 256 * 1024,
  /** All texts together. */
  bytes: 48 * 1024 * 1024,
  tombstones: 1024,
} as const;

/** @throws ProtocolError Malformed */
export function parseRecallQuestion(value: unknown): RecallQuestion {
  const shape = new Shape('recall', value);
  return { session: shape.integer('session'), part: shape.integer('part') };
}

/** @throws ProtocolError Malformed */
export function parseRecallAnswer(value: unknown): RecallAnswer {
  const shape = new Shape('recall', value);
  const objects = shape.object('objects');
  const entries = Object.entries(objects);
  if (entries.length > linkLimits.contentEntries) throw shape.fault(`recall.objects has more than ${linkLimits.contentEntries} entries`);
  for (const [key, text] of entries) if (typeof text !== 'string') throw shape.fault(`recall.objects of ${key.slice(0, 100)} is no text`);
  const parts = shape.integer('parts', 1);
  if (parts > recallLimits.parts) throw shape.fault(`recall.parts is more than ${recallLimits.parts}`);
  return {
    session: shape.integer('session'),
    part: shape.integer('part'),
    parts,
    ...(shape.has('envelope') ? { envelope: parseEnvelope(shape.raw('envelope')) } : {}),
    objects: objects as Record<string, string>,
    tombstones: shape.list('tombstones', recallLimits.tombstones).map((stone, index) => {
      const of = new Shape(`recall.tombstones[${index}]`, stone);
      return { uid: of.text('uid'), namespace: of.text('namespace'), name: of.text('name'), phase: of.text('phase') };
    }),
  };
}
