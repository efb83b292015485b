/** How often each kind of fault struck and each invariant was looked at. */
export class Tally {
  readonly #faults = new Map<string, number>();
  readonly #invariants = new Map<string, number>();

  fault(kind: string, times = 1): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + times);
  }

  invariant(name: string, times = 1): void {
    this.#invariants.set(name, (this.#invariants.get(name) ?? 0) + times);
  }

  get faults(): Readonly<Record<string, number>> {
    return sorted(this.#faults);
  }

  get invariants(): Readonly<Record<string, number>> {
    return sorted(this.#invariants);
  }
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
