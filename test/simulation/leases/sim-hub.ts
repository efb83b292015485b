import { LeaseBook } from '@flotilla/hub/nodesync/pod-leases/lease-book.js';
import type { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Mistakes, Request, SimBoard } from './sim-board.ts';
import type { Timeline } from './timeline.ts';

interface StoredPod {
  readonly uid: string;
  readonly board: number;
}

export interface SimHubOptions {
  readonly time: Timeline;
  readonly random: SeededRandom;
  readonly boards: readonly SimBoard[];
  readonly leaseMs: number;
  readonly mistakes: Mistakes;
  /** How long a message takes. */
  readonly delayMs: () => number;
  /** A grant came, so long after it was given. */
  readonly delivered: (board: SimBoard, delayMs: number) => void;
}

const awayAfterMs = 5000;

/** A hub: a store that survives it, a book of leases that does not, and a controller that wants one pod to run somewhere. */
export class SimHub {
  state: 'runs' | 'down' | 'frozen' = 'runs';
  replaced = 0;
  readonly #options: SimHubOptions;
  readonly #rate: number;
  readonly #heardMs = new Map<number, number>();
  #pods: readonly StoredPod[] = [];
  #backup: readonly StoredPod[] = [];
  #book: LeaseBook;
  #old = new Set<string>();
  #uids = 0;
  #sessions = 0;
  /** Ends what a hub that is gone had on its way. */
  #life = 1;

  constructor(options: SimHubOptions) {
    this.#options = options;
    this.#rate = 0.9995 + options.random.next() * 0.001;
    this.#book = this.#newBook();
    this.#pods = [this.#newPod(0)];
  }

  backUp(): void {
    this.#backup = this.#pods;
  }

  stop(): void {
    this.state = 'down';
    this.#life++;
    for (const board of this.#options.boards) board.session = 0;
  }

  /** With the store as it was left, or as it was when it was backed up. */
  start(restored: boolean): void {
    if (this.state !== 'down') return;
    this.state = 'runs';
    if (restored && this.#backup.length > 0) this.#pods = this.#backup;
    this.#old = new Set(this.#pods.map(({ uid }) => uid));
    this.#book = this.#newBook();
    this.#heardMs.clear();
    for (const { index } of this.#options.boards) this.#heardMs.set(index, this.#options.time.nowMs);
  }

  /** One turn: sessions, manifests, and pods whose boards are away. */
  turn(): void {
    if (this.state !== 'runs') return;
    const { boards, time } = this.#options;
    for (const board of boards) {
      if (!board.linked || board.agent === 'dead') board.session = 0;
      else if (board.session === 0 && board.awake) board.session = ++this.#sessions;
      if (!board.connected || !board.awake) continue;
      this.#heardMs.set(board.index, time.nowMs);
      const { session } = board;
      const manifest = this.#pods.filter((pod) => pod.board === board.index).map(({ uid }) => uid);
      if (manifest.join() === board.manifest.join()) continue;
      time.after(this.#options.delayMs(), () => {
        if (board.session === session && board.awake) board.manifest = manifest;
      });
    }
    for (const pod of this.#pods) {
      if (time.nowMs - (this.#heardMs.get(pod.board) ?? 0) > awayAfterMs) this.#giveUp(pod);
    }
  }

  receive({ board, session, nonce, held, void: idle }: Request): void {
    if (this.state === 'down' || board.session !== session) return;
    if (this.state === 'frozen') {
      this.#options.time.after(200, () => this.receive({ board, session, nonce, held, void: idle }));
      return;
    }
    const { leaseMs, time } = this.#options;
    const terms: Record<string, number> = {};
    for (const { uid, board: at } of this.#pods) {
      if (at !== board.index || ![...held, ...idle].includes(uid)) continue;
      const pod = { uid, leaseMs, fresh: !held.includes(uid), old: this.#old.has(uid) && !this.#options.mistakes.freshAtOnce };
      if (this.#book.grant(pod, this.#nowMs())) terms[uid] = leaseMs;
    }
    const givenMs = time.nowMs;
    time.after(this.#options.delayMs(), () => {
      if (board.session !== session || !board.connected) return;
      const deliver = (): void => {
        if (board.awake) {
          board.receive(session, nonce, terms);
          this.#options.delivered(board, time.nowMs - givenMs);
        } else if (board.agent !== 'dead' && board.session === session) time.after(200, deliver);
      };
      deliver();
    });
  }

  #giveUp(pod: StoredPod): void {
    const { boards, leaseMs, random, time } = this.#options;
    if (!this.#book.giveUp(pod.uid, leaseMs, this.#nowMs())) return;
    const life = this.#life;
    // The write is on its way: a hub that dies now may have made it or not.
    time.after(random.next() * 200, () => {
      if (life !== this.#life && random.next() < 0.5) return;
      if (!this.#pods.includes(pod)) return;
      const others = boards.filter(({ index }) => index !== pod.board);
      const next = others[Math.floor(random.next() * others.length)]?.index ?? 0;
      // A hub that is down finds it when it starts; what is made then is old to it.
      this.#pods = [...this.#pods.filter((one) => one !== pod), this.#newPod(next)];
      this.replaced++;
      this.#book.settle(pod.uid);
    });
  }

  #newPod(board: number): StoredPod {
    return { uid: `pod-${++this.#uids}`, board };
  }

  #newBook(): LeaseBook {
    return new LeaseBook({ startMs: this.#nowMs(), ...(this.#options.mistakes.noGrace ? { graceMs: 0 } : {}) });
  }

  #nowMs(): number {
    return this.#options.time.nowMs * this.#rate;
  }
}
