import { BoardLease } from '@flotilla/agent/leases/board-lease.js';
import type { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Timeline } from './timeline.ts';

/** Mistakes to plant. */
export interface Mistakes {
  /** A grant counts from when it came. */
  readonly fromReceipt?: boolean;
  /** The hub adds no grace. */
  readonly noGrace?: boolean;
  /** After a reboot what is on the disk counts. */
  readonly fromDisk?: boolean;
  /** A restored hub grants what it finds at once, whatever it may have forgotten. */
  readonly freshAtOnce?: boolean;
}

export interface Request {
  readonly board: SimBoard;
  readonly session: number;
  readonly nonce: string;
  readonly held: readonly string[];
  readonly void: readonly string[];
}

interface Running {
  /** It was started, or woken, with its lease over: the guard has until then. */
  lateUntilMs: number;
}

/** The guard looks once a second, and on a board that is short of breath takes so much longer. */
const guardPeriodMs = 1000;
const guardStallMs = 3500;

/** A board: an agent that may die or freeze, a podman that may hang, a guard, and a machine that may sleep or lose power. */
export class SimBoard {
  readonly index: number;
  readonly running = new Map<string, Running>();
  /** What the board shall run, safe on disk. */
  manifest: readonly string[] = [];
  session = 0;
  linked = true;
  agent: 'runs' | 'dead' | 'frozen' = 'runs';
  podmanHangs = false;
  asleep = false;
  starts = 0;
  kills = 0;
  readonly #time: Timeline;
  readonly #random: SeededRandom;
  readonly #mistakes: Mistakes;
  readonly #rate: number;
  readonly #starting = new Set<string>();
  #lease: BoardLease;
  #boot = 1;
  #bootedMs: number;
  #file = '';
  #guard = false;
  #nonces = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(index: number, time: Timeline, random: SeededRandom, mistakes: Mistakes) {
    this.index = index;
    this.#time = time;
    this.#random = random;
    this.#mistakes = mistakes;
    // Half of what the hub allows for, either way.
    this.#rate = 0.995 + random.next() * 0.01;
    this.#bootedMs = -random.next() * 1e6;
    this.#lease = new BoardLease(this.#bootId);
  }

  get awake(): boolean {
    return this.agent === 'runs' && !this.asleep;
  }

  get connected(): boolean {
    return this.session > 0 && this.linked && this.agent !== 'dead';
  }

  /** Containers that execute, but for those whose time with the guard is not over. */
  get exclusive(): number {
    if (this.asleep) return 0;
    return [...this.running.values()].filter(({ lateUntilMs }) => this.#time.nowMs > lateUntilMs).length;
  }

  /** One turn of the agent. */
  turn(send: (request: Request) => void): void {
    if (!this.awake) return;
    for (const uid of this.manifest) if (this.#lease.add(uid)) this.#write();
    if (this.connected) this.#ask(send);
    for (const uid of this.running.keys()) {
      const may = this.manifest.includes(uid) && this.#lease.mayRun(uid, this.#bootMs());
      if (!may && !this.podmanHangs) this.running.delete(uid);
    }
    for (const { uid } of [...this.#lease.pods()]) {
      if (!this.manifest.includes(uid) && !this.running.has(uid) && !this.#starting.has(uid) && this.#lease.remove(uid)) this.#write();
    }
    for (const uid of this.manifest) {
      if (this.running.has(uid) || this.#starting.has(uid) || !this.#lease.mayRun(uid, this.#bootMs())) continue;
      this.#start(uid);
    }
    this.tendGuard();
  }

  /** A grant came. */
  receive(session: number, nonce: string, terms: Readonly<Record<string, number>>): void {
    if (session !== this.session) return;
    if (this.#mistakes.fromReceipt) this.#lease.ask(nonce, Object.keys(terms), this.#bootMs());
    if (this.#lease.granted(nonce, terms).length > 0) this.#write();
  }

  /** The agent comes back after its death. */
  startAgent(): void {
    if (this.agent !== 'dead') return;
    this.agent = 'runs';
    // What the agent that died had asked for is nobody's any more.
    this.#lease = this.#read();
    this.#write();
  }

  powerCut(): void {
    this.running.clear();
    this.#starting.clear();
    this.#guard = false;
    this.agent = 'dead';
    this.asleep = false;
    this.podmanHangs = false;
    this.session = 0;
    this.#boot++;
    this.#askedMs = Number.NEGATIVE_INFINITY;
    this.#bootedMs = this.#time.nowMs;
  }

  wake(): void {
    this.asleep = false;
    for (const [uid, container] of this.running)
      if (this.#over(uid)) container.lateUntilMs = this.#time.nowMs + guardPeriodMs + guardStallMs;
  }

  tendGuard(): void {
    if (this.#guard) return;
    this.#guard = true;
    this.#watch(this.#boot);
  }

  #watch(boot: number): void {
    if (boot !== this.#boot) return;
    if (!this.asleep) {
      const late = BoardLease.read(this.#file, this.#bootId);
      for (const uid of this.running.keys()) {
        const pod = late.get(uid);
        if (!pod || pod.untilMs > this.#bootMs()) continue;
        this.kills++;
        this.running.delete(uid);
      }
    }
    const next = [...BoardLease.read(this.#file, this.#bootId).pods()].map(({ untilMs }) => (untilMs - this.#bootMs()) / this.#rate);
    const soonest = Math.min(guardPeriodMs, ...next.filter((ms) => ms > 0));
    const stallMs = this.#random.next() < 0.2 ? this.#random.next() * guardStallMs : this.#random.next() * 50;
    this.#time.after(soonest + 1 + stallMs, () => this.#watch(boot));
  }

  /** By what is written down, as the guard sees it. */
  #over(uid: string): boolean {
    const pod = BoardLease.read(this.#file, this.#bootId).get(uid);
    return pod !== undefined && pod.untilMs <= this.#bootMs();
  }

  #start(uid: string): void {
    this.#starting.add(uid);
    const boot = this.#boot;
    const finish = (): void => {
      if (boot !== this.#boot) return;
      if (this.podmanHangs || this.asleep) {
        this.#time.after(200, finish);
        return;
      }
      this.#starting.delete(uid);
      this.starts++;
      const lateUntilMs = this.#over(uid) ? this.#time.nowMs + guardPeriodMs + guardStallMs : 0;
      this.running.set(uid, { lateUntilMs });
    };
    this.#time.after(100 + this.#random.next() * 400, finish);
  }

  #ask(send: (request: Request) => void): void {
    const nowMs = this.#bootMs();
    const pods = this.manifest.map((uid) => this.#lease.get(uid));
    const due = pods.some((pod) => pod && nowMs - this.#askedMs >= (pod.untilMs > nowMs ? pod.termMs / 3 : 1000));
    if (!due) return;
    this.#askedMs = nowMs;
    const nonce = `${this.index}.${this.#boot}.${++this.#nonces}`;
    const held = this.manifest.filter((uid) => this.#lease.mayRun(uid, nowMs));
    this.#lease.ask(nonce, this.manifest, nowMs);
    send({ board: this, session: this.session, nonce, held, void: this.manifest.filter((uid) => !held.includes(uid)) });
  }

  #read(): BoardLease {
    if (!this.#mistakes.fromDisk) return BoardLease.read(this.#file, this.#bootId);
    const [, ...lines] = this.#file.split('\n');
    return BoardLease.read([this.#bootId, ...lines].join('\n'), this.#bootId);
  }

  #write(): void {
    this.#file = this.#lease.text();
  }

  get #bootId(): string {
    return `boot-${this.#boot}`;
  }

  #bootMs(): number {
    return (this.#time.nowMs - this.#bootedMs) * this.#rate;
  }
}
