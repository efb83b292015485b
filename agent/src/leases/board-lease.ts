/** One pod that stops with its lease. Times are milliseconds of the boot clock. */
interface LeasedPod {
  readonly uid: string;
  /** Until when it may run; 0 when no lease was granted in this boot. */
  readonly untilMs: number;
  /** The term it was last granted. */
  readonly termMs: number;
  /** Where its processes are: paths below a cgroup hierarchy's root. */
  readonly cgroups: readonly string[];
}

interface Asked {
  readonly sentMs: number;
  readonly uids: ReadonlySet<string>;
}

/** Requests whose answers may still come; an older one's answer is worth nothing beside a newer one's. */
const mostAsked = 8;

/**
 * The board's side of leases, as a state machine without clock, disk or network.
 *
 * INVARIANTS: a term counts from the moment its request was sent, whenever the answer comes; an answer to no known request changes
 * nothing; what was granted in another boot is void; a term that began is never made shorter by an answer.
 */
export class BoardLease {
  readonly bootId: string;
  readonly #pods = new Map<string, LeasedPod>();
  readonly #asked = new Map<string, Asked>();

  constructor(bootId: string) {
    this.bootId = bootId;
  }

  /** What an agent before this one knew; void unless it was in the same boot. */
  static read(text: string | undefined, bootId: string): BoardLease {
    const lease = new BoardLease(bootId);
    const [boot, ...lines] = (text ?? '').split('\n');
    const same = boot === bootId;
    for (const line of lines) {
      const [uid = '', until = '', term = '', ...cgroups] = line.split(' ');
      if (!uid || !/^\d+$/.test(until) || !/^\d+$/.test(term)) continue;
      lease.#pods.set(uid, { uid, untilMs: same ? Number(until) * 10 : 0, termMs: Number(term), cgroups });
    }
    return lease;
  }

  /** For the disk and for the guard: the boot id, then a line per pod with its end in hundredths of a second of the boot clock. */
  text(): string {
    const lines = [...this.#pods.values()].map(({ uid, untilMs, termMs, cgroups }) =>
      [uid, Math.floor(untilMs / 10), Math.floor(termMs), ...cgroups].join(' '),
    );
    return `${[this.bootId, ...lines].join('\n')}\n`;
  }

  pods(): IterableIterator<LeasedPod> {
    return this.#pods.values();
  }

  get(uid: string): LeasedPod | undefined {
    return this.#pods.get(uid);
  }

  /** From now on this pod needs a lease. True when that is news. */
  add(uid: string): boolean {
    if (this.#pods.has(uid)) return false;
    this.#pods.set(uid, { uid, untilMs: 0, termMs: 0, cgroups: [] });
    return true;
  }

  /** Nothing of it is left. True when that is news. */
  remove(uid: string): boolean {
    return this.#pods.delete(uid);
  }

  /** Where its processes are, or may come to be. True when that is news. */
  place(uid: string, cgroup: string): boolean {
    const pod = this.#pods.get(uid);
    if (!pod || pod.cgroups.includes(cgroup)) return false;
    this.#pods.set(uid, { ...pod, cgroups: [...pod.cgroups.slice(-3), cgroup] });
    return true;
  }

  mayRun(uid: string, nowMs: number): boolean {
    const pod = this.#pods.get(uid);
    return pod === undefined || nowMs < pod.untilMs;
  }

  /** A request is about to be sent for these. */
  ask(nonce: string, uids: Iterable<string>, nowMs: number): void {
    this.#asked.set(nonce, { sentMs: nowMs, uids: new Set(uids) });
    for (const old of this.#asked.keys()) {
      if (this.#asked.size <= mostAsked) return;
      this.#asked.delete(old);
    }
  }

  /** The answer to a request: uids whose lease ends later now. */
  granted(nonce: string, terms: Readonly<Record<string, number>>): string[] {
    const asked = this.#asked.get(nonce);
    this.#asked.delete(nonce);
    if (!asked) return [];
    const longer: string[] = [];
    for (const [uid, termMs] of Object.entries(terms)) {
      const pod = this.#pods.get(uid);
      const untilMs = asked.sentMs + termMs;
      if (!pod || !asked.uids.has(uid) || untilMs <= pod.untilMs) continue;
      this.#pods.set(uid, { ...pod, untilMs, termMs });
      longer.push(uid);
    }
    return longer;
  }
}
