export const defaultWindowBytes = 64 * 1024;

/** What may be sent before the receiver grants more; without bound until it is known to keep a window (SPDY/3.1 §2.6.8). */
export class SendWindow {
  #sent = 0;
  #allowed = Number.POSITIVE_INFINITY;

  get left(): number {
    return this.#allowed - this.#sent;
  }

  spend(bytes: number): void {
    this.#sent += bytes;
  }

  /** The receiver keeps a window of this size; what was sent so far counts. */
  begin(bytes: number): void {
    if (this.#allowed === Number.POSITIVE_INFINITY) this.#allowed = bytes;
  }

  /** @param delta may be negative */
  grant(delta: number): void {
    this.#allowed += delta;
  }
}

/** Tells a sender what was taken, in portions that never let its window run dry. */
export class ReceiveWindow {
  readonly #tell: (bytes: number) => void;
  #untold = 0;

  constructor(tell: (bytes: number) => void) {
    this.#tell = tell;
  }

  taken(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold < defaultWindowBytes / 2) return;
    this.#tell(this.#untold);
    this.#untold = 0;
  }
}
