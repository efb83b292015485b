import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';

/** A point in time as a board without a trusted clock can name it. */
export interface Moment {
  readonly bootId: string;
  /** Since that boot began, suspend included. */
  readonly bootMs: number;
  /** What the machine's own clock said; it may be wrong by decades. */
  readonly wallMs: number;
  /** A true time that had certainly passed. */
  readonly notBeforeMs: number;
}

/** A moment in true time: exact when both ends are the same. */
export interface Interval {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface BoardTimeOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly path: string;
  readonly logger: Logger;
  /** A true time that had passed before this board knew any other: when it joined. */
  readonly floorMs?: number;
}

/** From `fromBootMs` on the machine's own clock was ahead of the time since boot by this. */
interface OwnClock {
  readonly fromBootMs: number;
  readonly aheadMs: number;
}

/** A boot in which the hub told the time. */
interface TrustedBoot {
  readonly id: string;
  /** True time when the boot began. */
  readonly beganMs: number;
  readonly own: readonly OwnClock[];
}

interface Kept {
  readonly floorMs: number;
  /** The first time the hub ever told. */
  readonly firstMs: number;
  readonly boots: readonly TrustedBoot[];
}

const mostBoots = 16;
const mostSteps = 8;
/** Differences below this are the network's delay and the crystal's drift. */
const noiseMs = 2000;
/** A machine's clock that is no further off than this is as good as the hub's. */
const goodMs = 5000;
const floorEveryMs = 24 * 3_600_000;

/**
 * True time on a board whose own clock may say anything. A hub's time that was proven fresh fixes when this boot began, so every moment
 * of the boot is known, those before the hub was met too; a moment of a boot that never met a hub lies in an interval.
 *
 * INVARIANTS: once this boot is trusted its machine's clock is asked for nothing but what the runtime dated by it; the disk is written
 * when a boot becomes trusted, when a clock was set, and at most once a day besides.
 */
export class BoardTime {
  readonly #options: BoardTimeOptions;
  readonly #record: DurableRecord<Kept>;
  #bootId = '';
  #kept: Kept;
  #own: OwnClock[] = [];
  #sampledBootMs = 0;
  #savedFloorMs = 0;

  constructor(options: BoardTimeOptions) {
    this.#options = options;
    this.#record = new DurableRecord(options.files, options.path);
    this.#kept = { floorMs: options.floorMs ?? 0, firstMs: options.floorMs ?? 0, boots: [] };
  }

  /** @param bootId the kernel's */
  async load(bootId: string): Promise<void> {
    this.#bootId = bootId;
    const { value } = await this.#record.read();
    if (value) this.#kept = { ...value, floorMs: Math.max(value.floorMs, this.#kept.floorMs) };
    this.#savedFloorMs = value?.floorMs ?? 0;
    this.#own = [...(this.#thisBoot?.own ?? [])];
    this.#sample();
  }

  get bootId(): string {
    return this.#bootId;
  }

  /** The hub's clock, proven fresh. */
  heard(hubWallMs: number): void {
    const { clock } = this.#options;
    this.#sample();
    const beganMs = Math.floor(hubWallMs - clock.bootMs());
    const known = this.#thisBoot;
    const news = known === undefined || Math.abs(known.beganMs - beganMs) > noiseMs;
    // The hub's present word counts, also when it is less than what it said before: its clock may have been wrong then.
    const floorMs = hubWallMs;
    const firstMs = Math.min(this.#kept.firstMs || hubWallMs, hubWallMs);
    if (!news && Math.abs(floorMs - this.#savedFloorMs) < floorEveryMs) {
      this.#kept = { ...this.#kept, floorMs };
      return;
    }
    const boot = { id: this.#bootId, beganMs: news ? beganMs : known.beganMs, own: [...this.#own] };
    const others = this.#kept.boots.filter(({ id }) => id !== this.#bootId);
    this.#save({ floorMs, firstMs, boots: [...others, boot].slice(-mostBoots) });
  }

  /** Whether a hub told the time in this boot. */
  get trusted(): boolean {
    return this.#thisBoot !== undefined;
  }

  /** A true time that has passed, as far as this board was told. */
  get #floorMs(): number {
    const boot = this.#thisBoot;
    return boot ? Math.floor(boot.beganMs + this.#options.clock.bootMs()) : this.#kept.floorMs;
  }

  now(): Moment {
    this.#sample();
    const { clock } = this.#options;
    return { bootId: this.#bootId, bootMs: Math.floor(clock.bootMs()), wallMs: clock.wallMs(), notBeforeMs: this.#floorMs };
  }

  /** When it was, as well as is known by now; undefined while neither the moment's boot nor this one is trusted. */
  locate(moment: Moment): Interval | undefined {
    const boot = this.#boot(moment.bootId);
    if (boot) {
      const atMs = boot.beganMs + moment.bootMs;
      return { notBeforeMs: atMs, notAfterMs: atMs };
    }
    // It was before this boot began.
    const beganMs = this.#thisBoot?.beganMs;
    return beganMs === undefined ? undefined : { notBeforeMs: Math.min(moment.notBeforeMs, beganMs), notAfterMs: beganMs };
  }

  /**
   * What something was dated by the machine's own clock, in true time as far as it is known.
   * @param bootId the boot in which it was dated; this one when left out
   */
  correct(ownWallMs: number, bootId = this.#bootId): number {
    this.#sample();
    const boot = this.#boot(bootId);
    const own = bootId === this.#bootId ? this.#own : boot?.own;
    // A date from before anybody could have told this board the time is no date.
    if (!boot || !own) return Math.max(ownWallMs, this.#kept.firstMs);
    const untilMs = bootId === this.#bootId ? this.#sampledBootMs + noiseMs : Number.POSITIVE_INFINITY;
    const fits = ({ fromBootMs, aheadMs }: OwnClock): boolean => {
      const atMs = ownWallMs - aheadMs;
      return atMs >= fromBootMs - noiseMs && atMs <= untilMs;
    };
    const step = own.findLast(fits) ?? own[0];
    if (!step) return ownWallMs;
    const trueMs = boot.beganMs + ownWallMs - step.aheadMs;
    return Math.abs(trueMs - ownWallMs) < goodMs ? ownWallMs : trueMs;
  }

  get #thisBoot(): TrustedBoot | undefined {
    return this.#boot(this.#bootId);
  }

  #boot(id: string): TrustedBoot | undefined {
    return this.#kept.boots.find((boot) => boot.id === id);
  }

  /** Notes that the machine's clock was set: some time after it was looked at last. */
  #sample(): void {
    const { clock } = this.#options;
    const bootMs = clock.bootMs();
    const aheadMs = Math.floor(clock.wallMs() - bootMs);
    const last = this.#own.at(-1);
    if (last === undefined || Math.abs(last.aheadMs - aheadMs) > noiseMs) {
      const first = last === undefined;
      this.#own = [...this.#own, { fromBootMs: first ? 0 : this.#sampledBootMs, aheadMs }].slice(-mostSteps);
      const boot = this.#thisBoot;
      if (boot && !first) {
        const boots = this.#kept.boots.map((other) => (other === boot ? { ...boot, own: this.#own } : other));
        this.#save({ ...this.#kept, boots });
      }
    }
    this.#sampledBootMs = bootMs;
  }

  #save(kept: Kept): void {
    this.#kept = kept;
    this.#savedFloorMs = kept.floorMs;
    // What is lost here is told again by the next welcome.
    this.#record.write(kept).catch((error: unknown) => this.#options.logger.warn('cannot write down what time it is', { error }));
  }
}
