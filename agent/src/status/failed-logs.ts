import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { keptLogBytes, parseKeptLogAck } from '@flotilla/shared/protocol/log-messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';
import type { NewEvent, PodSnapshot } from '#pods/pod-doors.ts';
import type { Ended } from '#pods/pod-record.ts';
import { type Runtime, RuntimeError } from '#runtime/types.ts';
import { type FailedLog, FailedLogFiles } from './failed-log-files.ts';

export interface FailedLogsOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly logger: Logger;
  readonly dir: string;
  readonly runtime: Pick<Runtime, 'name' | 'logs'>;
  /** The pod as it is now. */
  readonly snapshot: (uid: string) => PodSnapshot | undefined;
  readonly event: (event: NewEvent) => void;
  /** Of all logs that wait together; 1 MiB by default. */
  readonly budgetBytes?: number;
  /** The most that is sent of one; 64 KiB when left out. */
  readonly mostBytes?: () => number;
  /** Whether they stay here for now, see `release`. */
  readonly hold?: () => boolean;
}

interface Waiting {
  readonly log: FailedLog;
  file?: string;
}

const mostWaiting = 64;
/** Of one container the failure now and the one before it, as `logs --previous` has it. */
const mostOfContainer = 2;
/** A container that fails all the time costs flash and network this often. */
const againMs = 10 * 60_000;
const writeAfterMs = 10_000;
const writeAgainMs = 60_000;
const sendAgainMs = 30_000;
/** A hub that cannot take them, or is too old to, is not asked all the time. */
const longestSendAgainMs = 3_600_000;
/** More lines than fit are not asked for. */
const mostLines = 4096;
const mostRemembered = 2048;

/**
 * The end of the log of every container that failed, until the hub has it: so that it can be read while this board is away. It is taken
 * from the runtime when the container ended, and written to disk when the hub has not taken it soon.
 *
 * INVARIANTS: what waits is bounded by number and bytes, the oldest goes first and an event of its pod tells of it; one is on its way at
 * a time. What is lost in a power cut before it was written is taken from the runtime again.
 */
export class FailedLogs implements LinkPart {
  readonly kinds: readonly DownKind[] = ['log'];
  readonly #options: FailedLogsOptions;
  readonly #files: FailedLogFiles;
  readonly #budgetBytes: number;
  #waiting: Waiting[] = [];
  /** Containers that were taken care of. */
  readonly #seen = new Set<string>();
  /** By pod and container: when its next failure may be taken, monotonic. */
  readonly #next = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  #channel: LinkChannel | undefined;
  #sendTimer: Timer | undefined;
  #sendDelayMs = sendAgainMs;
  #writeTimer: Timer | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: FailedLogsOptions) {
    this.#options = options;
    this.#files = new FailedLogFiles(options.files, options.dir);
    this.#budgetBytes = options.budgetBytes ?? 1024 * 1024;
  }

  /** Takes in what the run before left. Never throws because of what is on disk. */
  async load(): Promise<void> {
    try {
      for (const { name, log } of await this.#files.load()) {
        this.#waiting.push({ log, file: name });
        this.#seen.add(log.containerId);
      }
    } catch (error) {
      this.#options.logger.warn('cannot read the logs on disk', { error });
    }
  }

  /** Something about a pod changed: whatever failed in it is taken care of. */
  look(uid: string): void {
    const { clock, runtime, snapshot } = this.#options;
    const found = snapshot(uid);
    // The end of a container that was told to go is no failure.
    if (!found || found.removing) return;
    for (const [container, { ended, previous }] of Object.entries(found.record.containers)) {
      const failed = [ended, previous].find((one) => one !== undefined && one.exitCode !== 0 && one.id !== '');
      const containerId = `${runtime.name}://${failed?.id}`;
      if (!failed || this.#seen.has(containerId)) continue;
      const key = `${uid}/${container}`;
      const waitMs = (this.#next.get(key) ?? 0) - clock.monotonicMs();
      if (waitMs > 0) {
        this.#lookLater(uid, waitMs);
        continue;
      }
      remember(this.#next, key, clock.monotonicMs() + againMs);
      this.#seen.add(containerId);
      for (const oldest of this.#seen) {
        if (this.#seen.size <= mostRemembered) break;
        this.#seen.delete(oldest);
      }
      void this.#inTurn(() => this.#take(found, container, containerId, failed));
    }
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
    this.#sendDelayMs = sendAgainMs;
    this.#send();
  }

  /** They may be sent again. */
  release(): void {
    this.#send();
  }

  end(): void {
    this.#channel = undefined;
    this.#sendTimer?.cancel();
    this.#writeSoon(writeAfterMs);
  }

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const { session, containerId } = parseKeptLogAck(value);
    if (session !== channel.session) return;
    const done = this.#waiting.filter(({ log }) => log.containerId === containerId);
    this.#drop(done);
    this.#sendDelayMs = sendAgainMs;
    if (done.length > 0) this.#send();
  }

  /** Resolves when what waits is on disk, or the disk will not have it. */
  async stop(): Promise<void> {
    for (const timer of [this.#sendTimer, this.#writeTimer, ...this.#timers.values()]) timer?.cancel();
    await this.#inTurn(() => this.#save());
  }

  async #take({ record, uid }: PodSnapshot, container: string, containerId: string, { attempt, id }: Ended): Promise<void> {
    const { namespace, name } = record;
    let log: Buffer;
    try {
      log = await this.#read(id);
    } catch (error) {
      if (error instanceof RuntimeError && error.reason === 'NotFound') return;
      this.#options.logger.warn('cannot read the log of a container that failed', { pod: name, namespace, container, error });
      // The runtime may answer next time.
      this.#seen.delete(containerId);
      this.#lookLater(uid, againMs);
      return;
    }
    const own = this.#waiting.filter((one) => one.log.pod.uid === uid && one.log.container === container);
    this.#drop(own.slice(0, Math.max(0, own.length - mostOfContainer + 1)));
    this.#waiting.push({ log: { pod: { namespace, name, uid }, container, containerId, attempt, log: log.toString('base64') } });
    this.#keepBudget();
    this.#writeSoon(writeAfterMs);
    if (this.#waiting.length === 1) this.#send();
  }

  async #read(id: string): Promise<Buffer> {
    let bytes = 0;
    const chunks: Buffer[] = [];
    const mostBytes = this.#options.mostBytes?.() ?? keptLogBytes;
    const options = { timestamps: true, tailLines: mostLines };
    for await (const chunk of this.#options.runtime.logs(id, options, new AbortController().signal)) {
      chunks.push(chunk);
      bytes += chunk.length;
      while (chunks[0] && bytes - chunks[0].length >= mostBytes) bytes -= chunks.shift()?.length ?? 0;
    }
    const all = Buffer.concat(chunks);
    if (all.length <= mostBytes) return all;
    const tail = all.subarray(-mostBytes);
    // From the first whole line on, unless it is all one line.
    const line = tail.indexOf(0x0a) + 1;
    return line < tail.length ? tail.subarray(line) : tail;
  }

  #keepBudget(): void {
    let bytes = this.#waiting.reduce((sum, { log }) => sum + log.log.length, 0);
    const over: Waiting[] = [];
    for (const one of this.#waiting) {
      if (bytes <= this.#budgetBytes && this.#waiting.length - over.length <= mostWaiting) break;
      bytes -= one.log.log.length;
      over.push(one);
    }
    this.#drop(over);
    for (const { log } of over) {
      const { namespace, name, uid } = log.pod;
      this.#options.event({
        involvedObject: { kind: 'Pod', namespace, name, uid, fieldPath: `spec.containers{${log.container}}` },
        type: 'Warning',
        reason: 'LogDropped',
        message: `The log of container ${log.container}, which failed, was dropped before the hub had it: too many logs are waiting`,
      });
    }
  }

  #drop(gone: readonly Waiting[]): void {
    this.#waiting = this.#waiting.filter((one) => !gone.includes(one));
    const files = gone.flatMap(({ file }) => (file === undefined ? [] : [file]));
    if (files.length > 0) {
      void this.#inTurn(async () => {
        for (const file of files) await this.#files.remove(file);
      });
    }
  }

  #send(): void {
    this.#sendTimer?.cancel();
    const channel = this.#channel;
    const [first] = this.#waiting;
    if (!channel || !first || this.#options.hold?.()) return;
    void channel.send('log', { session: channel.session, ...first.log }).catch(() => {});
    this.#sendTimer = this.#options.clock.after('logs: send again', this.#sendDelayMs, () => this.#send());
    this.#sendDelayMs = Math.min(longestSendAgainMs, this.#sendDelayMs * 2);
  }

  #writeSoon(delayMs: number): void {
    if (this.#waiting.every(({ file }) => file !== undefined)) return;
    this.#writeTimer?.cancel();
    this.#writeTimer = this.#options.clock.after('logs: write', delayMs, () => void this.#inTurn(() => this.#save()));
  }

  async #save(): Promise<void> {
    for (const one of this.#waiting.filter(({ file }) => file === undefined)) {
      const file = await this.#files.write(one.log);
      one.file = file;
      // It was acknowledged meanwhile.
      if (!this.#waiting.includes(one)) await this.#files.remove(file);
    }
  }

  #lookLater(uid: string, delayMs: number): void {
    if (this.#timers.has(uid)) return;
    const timer = this.#options.clock.after('logs: look again', delayMs, () => {
      this.#timers.delete(uid);
      this.look(uid);
    });
    this.#timers.set(uid, timer);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      this.#options.logger.warn('cannot write logs to the disk; they stay in memory', { error });
      this.#writeSoon(writeAgainMs);
    });
    return this.#tail;
  }
}

function remember(table: Map<string, number>, key: string, value: number): void {
  table.delete(key);
  table.set(key, value);
  for (const oldest of table.keys()) {
    if (table.size <= mostRemembered) return;
    table.delete(oldest);
  }
}
