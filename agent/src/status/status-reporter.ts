import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Generation, NodeReport, PodReport, StatusReport } from '@flotilla/shared/protocol/messages.js';
import { type RetrySchedule, retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import type { HubLink } from '#hublink/types.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Sequence } from './sequence.ts';

export interface StatusReporterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Pick<Random, 'next'>;
  readonly link: Pick<HubLink, 'report' | 'connected'>;
  readonly sequence: Sequence;
  readonly events: EventOutbox;
  /** The pod's report as of now; undefined when this board knows nothing of it. */
  readonly pod: (uid: string) => Omit<PodReport, 'sequence'> | undefined;
  /** Every pod this board has to tell of. */
  readonly pods: () => Iterable<string>;
  readonly node: () => Omit<NodeReport, 'sequence'>;
  readonly applied: () => Generation | undefined;
  /** How long a change that nobody waits for is held so that others may join it; a second when left out. */
  readonly coalesceMs?: () => number;
  readonly acknowledged: (report: PodReport) => void;
  /** The hub has taken everything this board knows; once in each session. */
  readonly reported?: () => void;
}

interface Sent {
  readonly text: string;
  readonly urgent: string;
  readonly sequence: number;
}

const defaultCoalesceMs = 1000;
/** A hub that refuses has its reason, and so have the thousand others that it refuses. */
const refusedRetry: RetrySchedule = { baseMs: 5_000, maxMs: 30_000 };
const mostEvents = 64;

/**
 * Tells the hub what changed, and nothing else. One report is under way at a time, so a burst becomes one report. What matters to others
 * (phase, readiness, a container's state) goes at once, the rest with it or within a second. After a session begins, all of it, unless the
 * hub still has what it acknowledged.
 *
 * INVARIANT: a pod's sequence grows with every change of its report; the same report again keeps its number.
 */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #pods = new Map<string, Sent>();
  readonly #dirty = new Set<string>();
  #node: Sent | undefined;
  #nodeDirty = false;
  #eventsDirty = false;
  #full = false;
  #sending = false;
  /** The highest sequence that was acknowledged. */
  #acknowledged: number | undefined;
  /** `reported` is owed in this session. */
  #owed = false;
  #timer: { due: Timer; atMs: number } | undefined;
  /** In this session, one after the other; nothing is sent before the time that the last one gave. */
  #refusals = 0;
  #notBeforeMs = 0;
  #stopped = false;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  /** Told to the hub at hello: see `Hello.reported`. */
  get acknowledged(): number | undefined {
    return this.#full ? undefined : this.#acknowledged;
  }

  /** A session began: the hub gets a full report, or only what changed where it has all that it acknowledged. */
  connected(hubHasReports = false): void {
    this.#owed = true;
    this.#accepted();
    if (!hubHasReports || this.#acknowledged === undefined) this.#full = true;
    if (this.idle) this.#allTold();
    else this.#soon(0);
  }

  #accepted(): void {
    this.#refusals = 0;
    this.#notBeforeMs = 0;
  }

  #refused(): void {
    const { clock, random } = this.#options;
    this.#notBeforeMs = clock.monotonicMs() + retryDelayMs(refusedRetry, ++this.#refusals, random);
  }

  #allTold(): void {
    if (this.#owed) this.#options.reported?.();
    this.#owed = false;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.due.cancel();
  }

  podChanged(uid: string): void {
    const report = this.#options.pod(uid);
    const sent = this.#pods.get(uid);
    if (!report) {
      this.#pods.delete(uid);
      return;
    }
    const text = JSON.stringify(report);
    if (sent?.text === text && !this.#dirty.has(uid)) return;
    this.#dirty.add(uid);
    this.#soon(sent?.urgent === urgentPart(report) ? this.#coalesceMs : 0);
  }

  /** The node was looked at; only a change is told. */
  nodeChanged(): void {
    if (this.#node?.text === JSON.stringify(this.#options.node())) return;
    this.#nodeDirty = true;
    this.#soon(this.#coalesceMs);
  }

  eventAdded(): void {
    this.#eventsDirty = true;
    this.#soon(this.#coalesceMs);
  }

  /** True when the hub has everything. */
  get idle(): boolean {
    return !this.#full && this.#dirty.size === 0 && !this.#nodeDirty && !this.#eventsDirty && !this.#sending;
  }

  get #coalesceMs(): number {
    return this.#options.coalesceMs?.() ?? defaultCoalesceMs;
  }

  #soon(delayMs: number): void {
    if (this.#stopped || !this.#options.link.connected) return;
    const nowMs = this.#options.clock.monotonicMs();
    const atMs = Math.max(nowMs + delayMs, this.#notBeforeMs);
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.due.cancel();
    const due = this.#options.clock.after('report', atMs - nowMs, () => {
      this.#timer = undefined;
      void this.#send();
    });
    this.#timer = { due, atMs };
  }

  async #send(): Promise<void> {
    const { link, events, logger } = this.#options;
    if (this.#sending || this.#stopped || !link.connected || this.idle) return;
    this.#sending = true;
    const full = this.#full;
    const report = this.#take(full);
    try {
      await link.report(report);
      this.#accepted();
      for (const pod of report.pods) this.#options.acknowledged(pod);
      events.acknowledge(report.events);
      for (const { sequence } of told(report)) this.#acknowledged = Math.max(this.#acknowledged ?? 0, sequence);
      this.#allTold();
      if (events.next(1).length > 0) this.#eventsDirty = true;
    } catch (error) {
      // The session ended, or the hub refused: everything in it is due again.
      for (const pod of report.pods) this.#dirty.add(pod.uid);
      if (report.node) this.#nodeDirty = true;
      if (report.events.length > 0) this.#eventsDirty = true;
      if (full) this.#full = true;
      logger.debug('a report was not acknowledged', { error });
      this.#refused();
    } finally {
      this.#sending = false;
    }
    if (!this.idle) this.#soon(this.#full || this.#hasUrgent() ? 0 : this.#coalesceMs);
  }

  #take(full: boolean): StatusReport {
    const { pods, events, applied } = this.#options;
    const uids = full ? new Set([...pods(), ...this.#dirty]) : this.#dirty;
    const reports: PodReport[] = [];
    for (const uid of uids) {
      const report = this.#numbered(uid);
      if (report) reports.push(report);
    }
    const node = full || this.#nodeDirty ? this.#numberedNode() : undefined;
    this.#dirty.clear();
    this.#full = false;
    this.#nodeDirty = false;
    this.#eventsDirty = false;
    return { pods: reports, events: events.next(mostEvents), applied: applied(), full, ...(node ? { node } : {}) };
  }

  #numbered(uid: string): PodReport | undefined {
    const report = this.#options.pod(uid);
    if (!report) {
      this.#pods.delete(uid);
      return undefined;
    }
    const text = JSON.stringify(report);
    const known = this.#pods.get(uid);
    const sequence = known?.text === text ? known.sequence : this.#options.sequence.next();
    this.#pods.set(uid, { text, urgent: urgentPart(report), sequence });
    return { ...report, sequence };
  }

  /** Also when it was sent before: it is due again because that was not acknowledged. */
  #numberedNode(): NodeReport {
    const report = this.#options.node();
    const text = JSON.stringify(report);
    const sequence = this.#node?.text === text ? this.#node.sequence : this.#options.sequence.next();
    this.#node = { text, urgent: '', sequence };
    return { ...report, sequence };
  }

  #hasUrgent(): boolean {
    return [...this.#dirty].some((uid) => {
      const report = this.#options.pod(uid);
      return report && this.#pods.get(uid)?.urgent !== urgentPart(report);
    });
  }
}

function told({ pods, node }: StatusReport): readonly { readonly sequence: number }[] {
  return node ? [...pods, node] : pods;
}

/** What others wait for: phase, conditions, which state each container is in, addresses, the end. */
function urgentPart({ status, gone }: Omit<PodReport, 'sequence'>): string {
  const { phase, podIP, conditions, containerStatuses, ephemeralContainerStatuses } = status as {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { ready?: boolean; restartCount?: number; state?: Record<string, unknown> }[];
    ephemeralContainerStatuses?: { state?: Record<string, unknown> }[];
  };
  const states = (containerStatuses ?? []).map(({ ready, restartCount, state = {} }) => [ready, restartCount, Object.keys(state)]);
  // Whoever added one waits to attach to it.
  const added = ephemeralContainerStatuses?.map(({ state = {} }) => Object.keys(state));
  return JSON.stringify([gone, phase, podIP, (conditions ?? []).map((condition) => [condition.type, condition.status]), states, added]);
}
