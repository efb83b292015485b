/** Events in order of time, then of when they were set. */
export class Timeline {
  nowMs = 0;
  #order = 0;
  #queue: { readonly atMs: number; readonly order: number; readonly fire: () => void }[] = [];

  after(delayMs: number, fire: () => void): void {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, fire };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle];
      if (other && (other.atMs < event.atMs || (other.atMs === event.atMs && other.order < event.order))) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, event);
  }

  /** Calls `looked` after every event. */
  runUntil(untilMs: number, looked: () => void): void {
    for (let next = this.#queue[0]; next && next.atMs <= untilMs; next = this.#queue[0]) {
      this.#queue.shift();
      this.nowMs = next.atMs;
      next.fire();
      looked();
    }
    this.nowMs = untilMs;
  }
}
