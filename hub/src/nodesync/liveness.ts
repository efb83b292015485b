import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';

export interface LivenessOptions {
  readonly clock: Clock;
  /** How long after its start a hub waits for boards it has not heard of yet: their longest back-off and some more. */
  readonly startGraceMs?: number;
}

/** A board counts as offline when nothing was heard of it for this many keep-alives. */
const keepAlives = 2.5;

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
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #startGraceMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(node: string, alive: boolean) => void>();
  #starting: Timer | undefined;

  constructor(options: LivenessOptions) {
    this.#clock = options.clock;
    this.#startGraceMs = options.startGraceMs ?? 90_000;
  }

  /** @param nodes those that should be there; whoever is missing after the grace is told of as offline */
  start(nodes: () => readonly string[]): void {
    this.#starting = this.#clock.after('nodesync: start grace', this.#startGraceMs, () => {
      this.#starting = undefined;
      for (const node of nodes()) if (!this.#entries.has(node)) this.#tell(node, false);
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
    entry.expiry = this.#clock.after('nodesync: offline', Math.max(0, keepAliveMs * keepAlives - idleMs), () => {
      entry.expiry = undefined;
      this.#tell(node, false);
    });
  }

  /** A node that is no more. */
  forget(node: string): void {
    const entry = this.#entries.get(node);
    if (!entry || entry.connected) return;
    entry.expiry?.cancel();
    this.#entries.delete(node);
  }

  #tell(node: string, alive: boolean): void {
    for (const listener of [...this.#listeners]) listener(node, alive);
  }
}
