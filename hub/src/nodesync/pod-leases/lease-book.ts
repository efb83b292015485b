export interface LeaseBookOptions {
  /** On the clock of every `nowMs` below: when this hub began to look after leases. */
  readonly startMs: number;
  /** How long a board may take to kill what outlives its lease. */
  readonly graceMs?: number;
}

/** A board kills what outlives its lease within a second; the rest is for boards that are short of breath. */
const defaultGraceMs = 5_000;
/** How much a board's clock may run slower than the hub's: 1 %; a quartz stays below 0.02 %, NTP below 0.05 %. */
const drift = 0.01;

/**
 * The hub's side of leases, as a state machine without clock or network; times are monotonic milliseconds of the hub.
 *
 * INVARIANTS: a pod is given up only when the last lease that anybody can have granted is over on its board, counted from the grant;
 * what an earlier hub granted counts as granted when this one began. Between giving up and the pod being gone from the store
 * nothing is granted. A lease that is void is granted anew in the first term of this hub only to a pod that is younger than it: this
 * hub's memory may be older than the boards' (a restored backup), and a replacement it knows nothing of may still run.
 */
export class LeaseBook {
  readonly #options: LeaseBookOptions;
  readonly #overAtMs = new Map<string, number>();
  readonly #givenUp = new Set<string>();

  constructor(options: LeaseBookOptions) {
    this.#options = options;
  }

  /** Whether the board may have another term; it is noted. `fresh`: the board's lease is void. `old`: the pod is older than this hub. */
  grant(pod: { readonly uid: string; readonly leaseMs: number; readonly fresh: boolean; readonly old: boolean }, nowMs: number): boolean {
    const { uid, leaseMs, fresh, old } = pod;
    if (this.#givenUp.has(uid)) return false;
    if (fresh && old && nowMs < this.#startOverMs(leaseMs)) return false;
    this.#overAtMs.set(uid, Math.max(this.#overAtMs.get(uid) ?? 0, nowMs + this.waitMs(leaseMs)));
    return true;
  }

  /** When no lease of this pod can be running on any board any more. */
  overAtMs(uid: string, leaseMs: number): number {
    return Math.max(this.#overAtMs.get(uid) ?? 0, this.#startOverMs(leaseMs));
  }

  /** From here on nothing is granted, if the last lease is over; false if it is not. */
  giveUp(uid: string, leaseMs: number, nowMs: number): boolean {
    if (nowMs < this.overAtMs(uid, leaseMs)) return false;
    this.#givenUp.add(uid);
    return true;
  }

  /** Giving up did not work out, or the store says now what this book said. */
  settle(uid: string): void {
    this.#givenUp.delete(uid);
  }

  /** The pod is gone for good. */
  forget(uid: string): void {
    this.#overAtMs.delete(uid);
  }

  /** From a grant to the moment when nothing of it can be running. */
  waitMs(leaseMs: number): number {
    return leaseMs * (1 + drift) + (this.#options.graceMs ?? defaultGraceMs);
  }

  #startOverMs(leaseMs: number): number {
    return this.#options.startMs + this.waitMs(leaseMs);
  }
}
