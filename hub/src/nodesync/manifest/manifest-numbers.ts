import type { Generation } from '@flotilla/shared/protocol/messages.js';

/**
 * Gives contents their generation. For one node a later content always gets a higher revision, and the same content keeps its own:
 * max(the highest revision seen, one more than the last one given, one more than what the board has). The last two only matter where
 * a deletion left no trace that a new hub can see; both are never above the store's own revision.
 */
export class ManifestNumbers {
  readonly #epoch: number;
  readonly #seen: () => number;
  readonly #given = new Map<string, Generation>();

  constructor(options: { epoch: number; seen: () => number }) {
    this.#epoch = options.epoch;
    this.#seen = options.seen;
  }

  number(node: string, digest: string, board: Generation | undefined): Generation {
    const epoch = Math.max(this.#epoch, board?.epoch ?? 0);
    const onBoard = board?.epoch === epoch ? board.revision : 0;
    const given = this.#given.get(node);
    const last = given?.epoch === epoch ? given.revision : 0;
    if (given?.digest === digest && given.epoch === epoch && last > onBoard) return given;
    const generation = { epoch, revision: Math.max(this.#seen(), last + 1, onBoard + 1), digest };
    this.#given.set(node, generation);
    return generation;
  }

  forget(node: string): void {
    this.#given.delete(node);
  }
}
