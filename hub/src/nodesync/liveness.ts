import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';

export interface LivenessOptions {
  readonly clock: Clock;
  /** How long after its start a hub waits for boards it has not heard of yet: their longest back-off and some more. */
  readonly startGraceMs?: number;
  /** Whether boards wait at the door: one that is missed may be among them. */
  readonly crowded?: () => boolean;
}

/** A board counts as offline when nothing was heard of it for this many keep-alives. */
const keepAlives = 2.5;
/** While others wait at the door, a board that is missed is given so long in all, and it is looked again so often. */
const longestPatienceMs = 5 * 60_000;
const lookAgainMs = 10_000;

interface Entry {
  /** Sessions that are live now: 0 or 1, for a moment 2 never. */
  connected: boolean;
  sinceWallMs: number;
  expiry: Timer | undefined;
}

/**
 * Which boards are there, in memory: no write, no timer for a board that is connected. A session that ends does not make a board
 * offline at once (a vehicle changes its address a hundred times a day): it has until 2.5 keep-alives after it was last heard. After
 * a start of the hub every board counts as alive until the grace is over.
 *
 * While boards wait to be let in nobody is said to be away: what the hub would then write of thousands of nodes and their pods takes
 * the time in which it could let them in, and more would seem to be away.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #startGraceMs: number;
  readonly #crowded: () => boolean;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(node: string, alive: boolean) => void>();
  #starting: Timer | undefined;

  constructor(options: LivenessOptions) {
    this.#clock = options.clock;
    this.#startGraceMs = options.startGraceMs ?? 90_000;
    this.#crowded = options.crowded ?? (() => false);
  }

  /** @param nodes those that should be there; whoever is missing after the grace is told of as offline */
  start(nodes: () => readonly string[]): void {
    this.#afterCrowd('nodesync: start grace', this.#startGraceMs, (timer) => {
      this.#starting = timer;
      if (!timer) for (const node of nodes()) if (!this.#entries.has(node)) this.#tell(node, false);
    });
  }

  stop(): void {
    this.#starting?.cancel();
    for (const { expiry } of this.#entries.values()) expiry?.cancel();
    this.#entries.clear();
    this.#listeners.clear();
  }

  isAlive(node: string): boolean {
    const entry = this.#entries.get(node);
    return entry ? entry.connected || entry.expiry !== undefined : this.#starting !== undefined;
  }

  /** When a board without a session was heard last; undefined when it has one, or was not heard by this hub yet. */
  awaySinceWallMs(node: string): number | undefined {
    const entry = this.#entries.get(node);
    return entry?.connected === false ? entry.sinceWallMs : undefined;
  }

  onChange(listener: (node: string, alive: boolean) => void): { stop(): void } {
    this.#listeners.add(listener);
    return { stop: () => void this.#listeners.delete(listener) };
  }

  connected(node: string): void {
    const wasAlive = this.isAlive(node);
    const known = this.#entries.has(node);
    this.#entries.get(node)?.expiry?.cancel();
    this.#entries.set(node, { connected: true, sinceWallMs: this.#clock.wallMs(), expiry: undefined });
    if (!wasAlive || !known) this.#tell(node, true);
  }

  disconnected(node: string, keepAliveMs: number, idleMs: number): void {
    const entry: Entry = { connected: false, sinceWallMs: this.#clock.wallMs() - idleMs, expiry: undefined };
    this.#entries.set(node, entry);
    this.#afterCrowd('nodesync: offline', Math.max(0, keepAliveMs * keepAlives - idleMs), (timer) => {
      entry.expiry = timer;
      if (!timer) this.#tell(node, false);
    });
  }

  /** A node that is no more. */
  forget(node: string): void {
    const entry = this.#entries.get(node);
    if (!entry || entry.connected) return;
    entry.expiry?.cancel();
    this.#entries.delete(node);
  }

  /** @param next told of the timer that runs now, and undefined when the time is over */
  #afterCrowd(name: string, delayMs: number, next: (timer: Timer | undefined) => void, patienceMs = longestPatienceMs): void {
    const timer = this.#clock.after(name, delayMs, () => {
      if (patienceMs > 0 && this.#crowded()) this.#afterCrowd(name, lookAgainMs, next, patienceMs - lookAgainMs);
      else next(undefined);
    });
    next(timer);
  }

  #tell(node: string, alive: boolean): void {
    for (const listener of [...this.#listeners]) listener(node, alive);
  }
}
