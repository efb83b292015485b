/**
 * So many at a time; the others wait in the order of coming, and not more than so many of them. For work that waits for the disk: when it
 * is slow, a bounded number of reports is held in memory, and the others stay with their boards.
 */
export class Slots {
  readonly #limits: { readonly atOnce: number; readonly waiting: number };
  #busy = 0;
  #waiting: (() => void)[] = [];

  constructor(limits: { readonly atOnce: number; readonly waiting: number }) {
    this.#limits = limits;
  }

  get load(): { readonly busy: number; readonly waiting: number } {
    return { busy: this.#busy, waiting: this.#waiting.length };
  }

  /** Call `leave` once for each that entered. @returns 'full', or what to wait for; undefined when there is no need to wait */
  enter(): Promise<void> | 'full' | undefined {
    if (this.#busy < this.#limits.atOnce) {
      this.#busy++;
      return undefined;
    }
    if (this.#waiting.length >= this.#limits.waiting) return 'full';
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    // The place is handed on.
    if (next) next();
    else this.#busy--;
  }
}
