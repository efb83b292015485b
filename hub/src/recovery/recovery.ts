import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Client, EventRecorder } from '#client/types.ts';
import type { Registry } from '#registry/generic/types.ts';
import { type Store, written } from '#store/contract.ts';
import { orphanTaken, shrinkReplicaSets } from './finish.ts';
import type { BoardOutcome, Recalled } from './recalled.ts';
import { announce, type RecoveryState } from './recovery-state.ts';
import { endRecovery, type StartingPoint } from './starting-point.ts';
import { TakeBack } from './take-back.ts';

export interface RecoveryOptions {
  readonly start: StartingPoint;
  readonly store: Store;
  readonly registry: Registry;
  /** Acts for the administrator. */
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

const heardPrefix = '/flotilla/recovery/';
const lastKey = '/flotilla/last-recovery';
const announceEveryMs = 10_000;
const mostLines = 1000;
/** What came back is named up to here, and counted beyond. */
const mostNames = 10_000;

/**
 * From the start of a hub on an empty or an older store until every board that it knows was heard, or an operator says that it is enough.
 * Until then nothing that decides over pods runs, and a board is told nothing before it was heard.
 *
 * INVARIANTS: what was heard of a board is committed before it counts as heard; a hub that crashes in the middle goes on where it was.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #takeBack: TakeBack | undefined;
  readonly #expected = new Set<string>();
  readonly #outcomes = new Map<string, BoardOutcome>();
  readonly #refusals = new Map<string, string>();
  readonly #reports = new Map<string, Gate>();
  readonly #manifests = new Map<string, Gate>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #taking = new Set<Promise<void>>();
  #active: boolean;
  #finishing: Promise<RecoveryState> | undefined;
  #last: RecoveryState | undefined;
  #timer: Timer | undefined;

  constructor(options: RecoveryOptions) {
    const { client, clock, registry, start } = options;
    this.#options = options;
    this.#active = start.recovery !== undefined;
    this.#takeBack = start.recovery && new TakeBack({ registry, client, clock, cause: start.recovery });
  }

  /** Reads what was heard before; ends at once when there is nobody to hear. The store's boards and the ledger agree by now. */
  async load(): Promise<void> {
    const { client, logger, start, store } = this.#options;
    const last = await store.get(lastKey);
    this.#last = last && (JSON.parse(last.value) as RecoveryState);
    if (!this.#active) return this.#ended.resolve();
    await client.synced();
    for (const { node } of start.ledger.boards()) this.#expected.add(node);
    for (const { value } of (await store.list(heardPrefix)).items) {
      const outcome = JSON.parse(value) as BoardOutcome;
      this.#outcomes.set(outcome.node, outcome);
    }
    logger.warn(
      'recovery: controllers, scheduler and evictions wait until the boards were heard; end it with `flotilla recover --finish`',
      {
        ...start.recovery,
        epoch: start.epoch,
        boards: this.#expected.size,
        missing: this.#missing().length,
      },
    );
    await this.#announce();
    this.#announceSometimes();
    this.#look();
  }

  /** Resolves when recovery is over, or at once without one. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The hub ends; the next one goes on. */
  stop(): void {
    this.#timer?.cancel();
    this.#ended.resolve();
  }

  wants(node: string): boolean {
    return this.#active && !this.#finishing && this.#expected.has(node) && !this.#outcomes.has(node);
  }

  async take(board: Recalled): Promise<void> {
    if (!this.wants(board.node) || !this.#takeBack) return;
    const taking = this.#take(board, this.#takeBack);
    this.#taking.add(taking);
    try {
      await taking;
    } finally {
      this.#taking.delete(taking);
    }
    this.#look();
  }

  async #take(board: Recalled, takeBack: TakeBack): Promise<void> {
    const { logger, store } = this.#options;
    const outcome = await takeBack.take(board);
    await written(store.put(heardPrefix + board.node, JSON.stringify(outcome)));
    this.#outcomes.set(board.node, outcome);
    this.#refusals.delete(board.node);
    const { taken, removed, unrecovered } = outcome;
    logger.info('recovery: heard a board', {
      node: board.node,
      taken: taken.length,
      removed: removed.length,
      unrecovered: unrecovered.length,
    });
    this.#reports.get(board.node)?.open();
    if (unrecovered.length === 0) this.#manifests.get(board.node)?.open();
  }

  /** The board counts as missing until it gives back what this hub signed for it. */
  refused(node: string, why: string): void {
    const { events, logger } = this.#options;
    logger.warn('recovery: refused what a board gave back', { node, why });
    if (this.#refusals.size < mostLines || this.#refusals.has(node)) this.#refusals.set(node, why);
    events.event(nodeReference(node), 'Warning', 'RecallRefused', `What the board gave back is not what this hub signed for it: ${why}`);
  }

  /** Its reports are about pods that the store may not know yet. */
  reports(node: string): Promise<void> | undefined {
    return this.#active && this.#expected.has(node) && !this.#outcomes.has(node) ? gateOf(this.#reports, node) : undefined;
  }

  /** A board of which something could not be taken back keeps it until the recovery is over: somebody may want to look. */
  manifests(node: string): Promise<void> | undefined {
    const outcome = this.#outcomes.get(node);
    if (!this.#active || !this.#expected.has(node) || outcome?.unrecovered.length === 0) return undefined;
    return gateOf(this.#manifests, node);
  }

  /** What `flotilla recover` prints. */
  state(): RecoveryState {
    const { recovery } = this.#options.start;
    if (!this.#active || !recovery) return this.#last ?? { active: false, heard: [], missing: [], lines: [] };
    return { active: true, reason: recovery.reason, ...this.#found(), lines: [] };
  }

  /** Ends it now; boards that were not heard are told what the store has. @throws Error when nothing is to be finished */
  finish(): Promise<RecoveryState> {
    if (!this.#active) return Promise.reject(new Error('no recovery is under way'));
    this.#finishing ??= this.#finish().catch((error: unknown) => {
      this.#finishing = undefined;
      throw error;
    });
    return this.#finishing;
  }

  async #finish(): Promise<RecoveryState> {
    const { clock, logger, start, store } = this.#options;
    // What is being taken back now has owners to be looked at too.
    await Promise.allSettled(this.#taking);
    await shrinkReplicaSets(this.#options, [...this.#outcomes.values()]);
    const lines = await orphanTaken(this.#options, [...this.#outcomes.values()], start.recovery?.base ?? 0);
    for (const { node } of this.#missing())
      lines.push(`Board ${node} was not heard: what it runs beyond what is known here goes when it returns`);
    const state: RecoveryState = {
      active: false,
      ...(start.recovery ? { reason: start.recovery.reason } : {}),
      endedAt: kubeTime(clock.wallMs()),
      ...this.#found(),
      lines: lines.slice(0, mostLines),
    };
    await written(store.put(lastKey, JSON.stringify(state)));
    await endRecovery(store, start.epoch);
    // From here on a crash begins an ordinary start.
    this.#active = false;
    this.#last = state;
    for (const node of this.#outcomes.keys()) await store.delete(heardPrefix + node);
    this.#timer?.cancel();
    for (const line of state.lines) logger.warn(`recovery: ${line}`);
    logger.warn('recovery is over: everything runs again', { heard: state.heard.length, missing: state.missing.length });
    await this.#announce();
    for (const gate of [...this.#reports.values(), ...this.#manifests.values()]) gate.open();
    this.#ended.resolve();
    return state;
  }

  /** Every known board was heard. */
  #look(): void {
    if (!this.#active || this.#missing().length > 0) return;
    this.finish().catch((error: unknown) => {
      this.#options.logger.error('recovery could not be ended; it is tried again', { error });
      this.#options.clock.after('recovery: end again', announceEveryMs, () => this.#look());
    });
  }

  #found(): Pick<RecoveryState, 'heard' | 'missing'> {
    let room = mostNames;
    const heard = [...this.#outcomes.values()].map(({ node, taken, removed, unrecovered }) => {
      const named = taken.slice(0, room).map(({ resource, namespace, name }) => [resource, namespace, name].filter(Boolean).join('/'));
      room -= named.length;
      return { node, taken: named, takenCount: taken.length, removed, unrecovered };
    });
    return { heard, missing: this.#missing() };
  }

  /** Boards that were revoked meanwhile are nobody's to wait for. */
  #missing(): { readonly node: string; readonly why?: string }[] {
    const { ledger } = this.#options.start;
    return [...this.#expected]
      .filter((node) => !this.#outcomes.has(node) && ledger.board(node) !== undefined)
      .sort()
      .map((node) => {
        const why = this.#refusals.get(node);
        return { node, ...(why ? { why } : {}) };
      });
  }

  #announceSometimes(): void {
    this.#timer = this.#options.clock.after('recovery: announce', announceEveryMs, () => {
      if (!this.#active) return;
      this.#look();
      void this.#announce().finally(() => {
        if (this.#active) this.#announceSometimes();
      });
    });
  }

  #announce(): Promise<void> {
    return announce(this.#options, this.state());
  }
}

function gateOf(gates: Map<string, Gate>, node: string): Promise<void> {
  let gate = gates.get(node);
  if (!gate) {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = { opened: promise, open: resolve };
    gates.set(node, gate);
  }
  return gate.opened;
}

function nodeReference(name: string): { apiVersion: string; kind: string; metadata: { name: string; uid: string } } {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } };
}
