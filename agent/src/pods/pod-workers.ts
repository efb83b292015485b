import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { WorkQueue } from '@flotilla/shared/workqueue/work-queue.js';
import { runWorkers, type WorkResult } from '@flotilla/shared/workqueue/workers.js';
import { execute, type StepContext } from './executors.ts';
import { planPod } from './plan.ts';
import type { PodDoors, PodSnapshot } from './pod-doors.ts';
import { PodEntry } from './pod-entry.ts';
import { RuntimeView } from './runtime-view.ts';

const workers = 8;
/** Nothing a pod needs takes more passes than this; a plan that does is a fault and backs off. */
const mostPasses = 200;
/** The safety net under the runtime's events. */
const relistMs = 300_000;
const listRetryMs = 2000;

/**
 * Runs every pod of this board: one worker per pod at a time; each looks, plans and does, until nothing is left to do.
 *
 * INVARIANTS: nothing is planned before the runtime was listed once; nothing is taken away before a manifest was ever loaded; what the
 * manifest has and a tombstone names is not run again.
 */
export class PodWorkers {
  readonly #doors: PodDoors;
  readonly #view: RuntimeView;
  readonly #queue: WorkQueue;
  readonly #entries = new Map<string, PodEntry>();
  readonly #stop = new AbortController();
  #watch: { stop(): void } | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #refreshing = false;
  #dirty: Set<string> | 'all' = new Set();

  constructor(doors: PodDoors) {
    this.#doors = doors;
    this.#view = new RuntimeView(doors.runtime);
    this.#queue = new WorkQueue({
      name: 'pods',
      clock: doors.clock,
      random: doors.random,
      retry: { baseMs: 200, maxMs: 30_000 },
      maxKeys: 10_000,
    });
  }

  /** Lists the runtime, takes over what runs there, and begins. Resolves when that list is in; it waits for a runtime that is not. */
  async start(): Promise<void> {
    const { clock, logger, runtime } = this.#doors;
    const { signal } = this.#stop;
    this.#watch = runtime.watch((uid) => this.#look(uid));
    while (!signal.aborted) {
      try {
        await this.#view.refresh();
        break;
      } catch (error) {
        logger.warn('cannot list the containers', { error });
        await clock.sleep('list containers again', listRetryMs, signal).catch(() => {});
      }
    }
    for (const uid of await this.#uidsOnDisk()) this.#queue.add(uid);
    this.kickAll();
    const failed = (uid: string, error: unknown, failures: number): void => {
      const { namespace, name } = this.#entries.get(uid)?.record ?? {};
      logger.warn('a pod could not be brought forward', { uid, namespace, pod: name, failures, error });
    };
    const work = (uid: string): Promise<WorkResult | undefined> => this.#work(uid);
    this.#running = Promise.all([runWorkers({ queue: this.#queue, workers, work, failed }, signal), this.#relist(signal)]);
  }

  /** Ends the workers; containers run on. */
  async stop(): Promise<void> {
    this.#watch?.stop();
    this.#stop.abort(new Error('the agent stops'));
    this.#queue.shutDown();
    await this.#running.catch(() => {});
    for (const entry of this.#entries.values()) await entry.save().catch(() => {});
  }

  /** Looks at every pod: the manifest is new, or the hub is back. */
  kickAll(): void {
    for (const entry of this.#entries.values()) {
      // What failed for want of something may be there now.
      entry.memory.volumesRetry = undefined;
      for (const memory of entry.memory.containers.values()) {
        if (memory.waiting?.reason === 'CreateContainerConfigError') memory.startRetryAtMs = undefined;
      }
    }
    const { spec } = this.#doors;
    const uids = [...[...spec.pods()].map((pod) => pod.metadata?.uid ?? ''), ...this.#view.uids(), ...this.#entries.keys()];
    for (const uid of uids) this.#queue.add(uid);
  }

  /** Looks at one pod. */
  kick(uid: string): void {
    this.#queue.add(uid);
  }

  /** Everything there is of the pods that have not been buried. */
  *snapshots(): IterableIterator<PodSnapshot> {
    for (const uid of this.#entries.keys()) {
      const snapshot = this.snapshot(uid);
      if (snapshot) yield snapshot;
    }
  }

  snapshot(uid: string): PodSnapshot | undefined {
    const entry = this.#entries.get(uid);
    if (!entry) return undefined;
    const { record, memory, lastPod: pod } = entry;
    return { uid, pod, record, memory, sandboxes: this.#view.sandboxes(uid), removing: memory.removal !== undefined };
  }

  /** True when no pod has anything to do now. */
  get idle(): boolean {
    return this.#queue.idle && !this.#refreshing;
  }

  async #work(uid: string): Promise<WorkResult | undefined> {
    const { clock, spec, tombstones } = this.#doors;
    if (tombstones.get(uid)) return this.#clearRest(uid);
    const entry = this.#entries.get(uid) ?? (await this.#open(uid));
    if (!entry) return undefined;
    for (let pass = 0; pass < mostPasses; pass++) {
      if (this.#stop.signal.aborted) return undefined;
      const pod = spec.pod(uid);
      const sandboxes = this.#view.sandboxes(uid);
      await entry.look(pod, sandboxes);
      const { record, memory } = entry;
      const removal = this.#removal(entry, pod);
      const known = pod ?? entry.lastPod;
      const volumesVersion = spec.version;
      const nowMs = clock.monotonicMs();
      // A pod that nobody knows is left alone until a manifest says that it is to go.
      const permit = this.#doors.leases.permit(uid);
      const volumesComplete = known !== undefined && memory.volumes === undefined && this.#doors.volumes.complete(known);
      const plan = planPod({ nowMs, pod: known, removal, permit, sandboxes, record, memory, volumesVersion, volumesComplete });
      if (plan.steps.length === 0) {
        entry.saveSoon();
        this.#doors.changed(uid);
        return plan.wakeAtMs === undefined ? undefined : { requeueAfterMs: Math.max(0, plan.wakeAtMs - nowMs) };
      }
      const context: StepContext = {
        ...{ doors: this.#doors, entry, view: this.#view, signal: this.#stop.signal, pod: known, sandboxes, volumesVersion },
        wake: () => this.#queue.add(uid),
        forget: () => this.#entries.delete(uid),
      };
      for (const step of plan.steps) if (!(await execute(step, context))) break;
      if (!this.#entries.has(uid)) {
        this.#doors.changed(uid);
        return undefined;
      }
    }
    throw new Error(`no end after ${mostPasses} passes`);
  }

  async #open(uid: string): Promise<PodEntry | undefined> {
    const entry = await PodEntry.open(this.#doors, uid, this.#doors.spec.pod(uid), this.#view.sandboxes(uid)[0]);
    if (entry) this.#entries.set(uid, entry);
    return entry;
  }

  /** What a power cut left of a pod that was buried already. */
  async #clearRest(uid: string): Promise<undefined> {
    for (const { id } of this.#view.sandboxes(uid)) {
      await this.#doors.runtime.removeSandbox(id, this.#stop.signal);
      this.#view.dropSandbox(uid, id);
    }
    await this.#doors.volumes.unmount(uid);
    await this.#doors.leases.forget(uid);
    this.#doors.changed(uid);
    return undefined;
  }

  /** Whether the pod is to go, and by when. Once begun it is not taken back, and the grace only gets shorter. */
  #removal({ memory, record }: PodEntry, pod: Pod | undefined): { deadlineMs: number } | undefined {
    const { clock, spec } = this.#doors;
    const going = pod ? pod.metadata?.deletionTimestamp !== undefined : spec.generation !== undefined;
    if (!going && !memory.removal) return undefined;
    const graceSeconds = pod?.metadata?.deletionGracePeriodSeconds ?? record.graceSeconds;
    memory.removal ??= { sinceMs: clock.monotonicMs(), graceSeconds };
    memory.removal.graceSeconds = Math.min(memory.removal.graceSeconds, graceSeconds);
    return { deadlineMs: memory.removal.sinceMs + memory.removal.graceSeconds * 1000 };
  }

  async #uidsOnDisk(): Promise<string[]> {
    const { files, volumes } = this.#doors;
    return files.list(volumes.podsDir);
  }

  /** The runtime says that something changed: one list for any number of hints. */
  #look(uid: string | undefined): void {
    if (uid === undefined) this.#dirty = 'all';
    else if (this.#dirty !== 'all') this.#dirty.add(uid);
    if (!this.#refreshing) void this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#refreshing = true;
    try {
      while (this.#dirty === 'all' || this.#dirty.size > 0) {
        const dirty = this.#dirty;
        this.#dirty = new Set();
        await this.#view.refresh();
        if (dirty === 'all') this.kickAll();
        else for (const uid of dirty) this.#queue.add(uid);
      }
    } catch (error) {
      this.#doors.logger.warn('cannot list the containers', { error });
      this.#doors.clock.after('list containers again', listRetryMs, () => this.#look(undefined));
    } finally {
      this.#refreshing = false;
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#doors.clock.sleep('relist', relistMs, signal).catch(() => {});
      if (!signal.aborted) this.#look(undefined);
    }
  }
}
