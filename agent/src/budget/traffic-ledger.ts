import { budgetMonth } from '@flotilla/shared/api/board-budget.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { type ClassTraffic, type TrafficClass, trafficClasses } from '@flotilla/shared/protocol/traffic-messages.js';
import type { WireCount } from '#hublink/wire-count.ts';
import type { FlashCounts } from './counting-files.ts';
import { type Interfaces, passed, readInterfaces } from './interface-counters.ts';
import { type Counts, type LinkCounter, onWire } from './link-counter.ts';

export interface TrafficLedgerOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly logger: Logger;
  readonly path: string;
  readonly link: LinkCounter;
  /** Bytes of the connections to the hub. */
  readonly wire: Pick<WireCount, 'up' | 'down'>;
  readonly flash: Readonly<FlashCounts>;
  /** True time as far as it is known. */
  readonly now: () => { readonly ms: number; readonly trusted: boolean };
  /** An image is being pulled. */
  readonly pulling: () => boolean;
}

interface Flow {
  up: number;
  down: number;
}

type Totals = Partial<Record<TrafficClass, ClassTraffic>>;

interface Kept {
  readonly sinceMs: number;
  readonly monthSinceMs: number;
  readonly classes: Totals;
  readonly flash: { readonly dayMs: number; readonly bytes: number; readonly syncs: number };
  /** The kernel's counters in this boot, as of when this was written. */
  readonly bootId: string;
  readonly interfaces: Interfaces;
  /** What was found to be the keep-alive of this board. */
  readonly keepAliveMs?: number;
}

const dayMs = 86_400_000;
/** So much is counted in memory before it is written, unless a budget is small. */
const mostUnwrittenBytes = 1024 * 1024;
const leastUnwrittenBytes = 64 * 1024;
/** Busy boards write no more often than this. */
const writeEveryMs = 10 * 60_000;
/** The link's bytes are counted when they are sent, the kernel's when they leave. */
const mostAheadBytes = 1024 * 1024;

/**
 * What this board's traffic and writes amount to, by class. What the kernel counts on the uplink and no class of ours explains is the
 * apps', or the images' while one is pulled.
 *
 * INVARIANTS: counts of a month only grow until the next month begins, by true time alone; the disk is written when a megabyte (or a
 * hundredth of the budget) was counted, at most every ten minutes, and at an orderly stop. A kill of the agent loses only what belongs
 * to which class, since the kernel counts on; a power cut loses what was not written.
 */
export class TrafficLedger {
  readonly #options: TrafficLedgerOptions;
  readonly #record: DurableRecord<Kept>;
  #sinceMs = 0;
  #monthSinceMs = 0;
  #day = 1;
  #budgetBytes = Number.POSITIVE_INFINITY;
  #classes: Record<string, { up: number; down: number; monthUp: number; monthDown: number }> = {};
  #flash = { dayMs: 0, bytes: 0, syncs: 0 };
  #bootId = '';
  #interfaces: Interfaces = {};
  /** Up to where the counters of others are in here. */
  #taken: { link: Counts; wire: Flow; inside: Flow; flash: FlashCounts } = {
    ...{ link: {}, wire: { up: 0, down: 0 }, inside: { up: 0, down: 0 }, flash: { bytes: 0, syncs: 0 } },
  };
  /** Counted as ours, and not seen by the kernel yet. */
  #ahead: Flow = { up: 0, down: 0 };
  #unwritten = 0;
  #keepAliveMs: number | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: TrafficLedgerOptions) {
    this.#options = options;
    this.#record = new DurableRecord(options.files, options.path);
  }

  async load(bootId: string): Promise<void> {
    const { files, logger, now } = this.#options;
    this.#bootId = bootId;
    const kept = (
      await this.#record.read().catch((error: unknown) => {
        logger.warn('cannot read what was counted of the traffic', { error });
        return { value: undefined };
      })
    ).value;
    const seen = await readInterfaces(files);
    if (!kept) {
      // What passed before anybody counted is nobody's.
      this.#interfaces = seen;
      this.#sinceMs = Math.floor(now().ms);
      return;
    }
    ({ sinceMs: this.#sinceMs, monthSinceMs: this.#monthSinceMs, flash: this.#flash } = kept);
    this.#flash = { ...kept.flash };
    this.#keepAliveMs = kept.keepAliveMs;
    this.#classes = Object.fromEntries(Object.entries(kept.classes).map(([name, counts]) => [name, { ...counts }]));
    // In the same boot the kernel counted on while no agent ran.
    this.#interfaces = kept.bootId === bootId ? kept.interfaces : {};
  }

  /** @param day on which the month begins; @param budgetBytes of a month, for how much may be lost in a power cut */
  plan({ day, budgetBytes }: { readonly day: number; readonly budgetBytes: number | undefined }): void {
    this.#day = day;
    this.#budgetBytes = budgetBytes ?? Number.POSITIVE_INFINITY;
    this.#turn();
  }

  /** Takes in what was counted since. Looks run one after another. */
  look(): Promise<void> {
    this.#tail = this.#tail
      .then(() => this.#look())
      .catch((error: unknown) => {
        this.#options.logger.warn('cannot count the traffic', { error });
      });
    return this.#tail;
  }

  /** Resolves when all that was counted is on disk, or the disk will not have it. */
  async stop(): Promise<void> {
    await this.look();
    if (this.#unwritten > 0) await this.#write();
  }

  /** Kept here so that it costs no write of its own. */
  get keepAliveMs(): number | undefined {
    return this.#keepAliveMs;
  }

  set keepAliveMs(ms: number | undefined) {
    this.#keepAliveMs = ms;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  get monthSinceMs(): number {
    return this.#monthSinceMs;
  }

  get classes(): Readonly<Totals> {
    return Object.fromEntries(trafficClasses.flatMap((name) => (this.#classes[name] ? [[name, { ...this.#classes[name] }]] : [])));
  }

  /** All of this month, both ways. */
  get monthBytes(): number {
    return Object.values(this.#classes).reduce((sum, { monthUp, monthDown }) => sum + monthUp + monthDown, 0);
  }

  /** Since midnight UTC. */
  get flash(): Readonly<FlashCounts> {
    return { bytes: this.#flash.bytes, syncs: this.#flash.syncs };
  }

  async #look(): Promise<void> {
    const { files, pulling } = this.#options;
    const wasPulling = pulling();
    const seen = await readInterfaces(files);
    this.#turn();
    const ours = this.#link();
    const all = passed(this.#interfaces, seen);
    this.#interfaces = seen;
    for (const direction of ['up', 'down'] as const) {
      const rest = all[direction] - ours[direction] - this.#ahead[direction];
      this.#ahead[direction] = Math.min(mostAheadBytes, Math.max(0, -rest));
      if (rest > 0) this.#add(wasPulling || pulling() ? 'images' : 'apps', { up: 0, down: 0, [direction]: rest });
    }
    const { flash } = this.#options;
    this.#flash.bytes += flash.bytes - this.#taken.flash.bytes;
    this.#flash.syncs += flash.syncs - this.#taken.flash.syncs;
    this.#taken.flash = { ...flash };
    const mayBytes = Math.min(mostUnwrittenBytes, Math.max(leastUnwrittenBytes, this.#budgetBytes / 100));
    if (this.#unwritten >= mayBytes && this.#options.clock.monotonicMs() - this.#writtenMs >= writeEveryMs) await this.#write();
  }

  /** What went over the link since the last look, on the wire. */
  #link(): Flow {
    const { link, wire } = this.#options;
    const sum: Flow = { up: 0, down: 0 };
    const add = (name: TrafficClass, flow: Flow): void => {
      this.#add(name, flow);
      sum.up += flow.up;
      sum.down += flow.down;
    };
    for (const name of trafficClasses) {
      const [now, before = { up: 0, down: 0 }] = [link.counts[name], this.#taken.link[name]];
      if (!now) continue;
      add(name, { up: now.up - before.up, down: now.down - before.down });
      this.#taken.link[name] = { ...now };
    }
    // Handshakes: what the connections carried beside messages.
    const rest = (direction: 'up' | 'down'): number => {
      const carried = wire[direction] - this.#taken.wire[direction];
      const inside = link.inside[direction] - this.#taken.inside[direction];
      return Math.max(0, carried - inside);
    };
    const [up, down] = [onWire(rest('up')), onWire(rest('down'))];
    if (up.there + down.there > 0) add('connect', { up: up.there + down.back, down: down.there + up.back });
    this.#taken.wire = { up: wire.up, down: wire.down };
    this.#taken.inside = { ...link.inside };
    return sum;
  }

  #add(name: TrafficClass, { up, down }: Flow): void {
    const counts = this.#classes[name] ?? { up: 0, down: 0, monthUp: 0, monthDown: 0 };
    this.#classes[name] = counts;
    counts.up += up;
    counts.down += down;
    counts.monthUp += up;
    counts.monthDown += down;
    this.#unwritten += up + down;
  }

  /** Begins the month, and the day, anew. A clock that nobody vouches for turns no page. */
  #turn(): void {
    const { ms, trusted } = this.#options.now();
    if (!trusted && this.#monthSinceMs > 0) return;
    const { startMs } = budgetMonth(ms, this.#day);
    if (this.#monthSinceMs === 0 || startMs !== this.#monthSinceMs) {
      // Another day for its beginning, or a clock that was wrong, gives nobody a second budget.
      if (startMs > this.#monthSinceMs && this.#monthSinceMs > 0 && startMs - this.#monthSinceMs >= 27 * dayMs) {
        for (const counts of Object.values(this.#classes)) Object.assign(counts, { monthUp: 0, monthDown: 0 });
      }
      this.#monthSinceMs = startMs;
    }
    const today = Math.floor(ms / dayMs) * dayMs;
    if (today !== this.#flash.dayMs) this.#flash = { dayMs: today, bytes: 0, syncs: 0 };
  }

  async #write(): Promise<void> {
    this.#writtenMs = this.#options.clock.monotonicMs();
    const unwritten = this.#unwritten;
    const kept: Kept = {
      sinceMs: this.#sinceMs,
      monthSinceMs: this.#monthSinceMs,
      classes: this.classes,
      flash: { ...this.#flash },
      bootId: this.#bootId,
      interfaces: this.#interfaces,
      ...(this.#keepAliveMs === undefined ? {} : { keepAliveMs: this.#keepAliveMs }),
    };
    try {
      await this.#record.write(kept);
      this.#unwritten -= unwritten;
    } catch (error) {
      this.#options.logger.warn('cannot write down what was counted of the traffic', { error });
    }
  }
}
