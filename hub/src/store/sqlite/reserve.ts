import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

const pieceBytes = 1 << 20;

/**
 * A file whose only purpose is to be given up: on a full disk SQLite cannot even delete, so some room is kept back.
 */
export class Reserve {
  readonly #file: string;
  readonly #bytes: number;

  constructor(file: string, bytes: number) {
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Sets the room aside. False when there is none. */
  fill(): boolean {
    if (this.#size() === this.#bytes) return true;
    let handle: number | undefined;
    try {
      handle = openSync(this.#file, 'w', 0o600);
      // Written, not just extended: a file with holes occupies nothing.
      const piece = Buffer.alloc(Math.min(pieceBytes, this.#bytes), 0x20);
      for (let left = this.#bytes; left > 0; ) left -= writeSync(handle, piece, 0, Math.min(left, piece.length));
      fsyncSync(handle);
      return true;
    } catch {
      this.release();
      return false;
    } finally {
      if (handle !== undefined) closeSync(handle);
    }
  }

  release(): void {
    rmSync(this.#file, { force: true });
  }

  #size(): number {
    return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
  }
}
