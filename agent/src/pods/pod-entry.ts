import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { SandboxState } from '#runtime/types.ts';
import type { PodDoors } from './pod-doors.ts';
import { containerMemory, newPodMemory, type PodMemory } from './pod-memory.ts';
import { observe, type PodRecord } from './pod-record.ts';
import { findContainer } from './pod-rules.ts';
import { readLastLog, readTerminationMessage } from './termination-message.ts';

/**
 * One pod in the hands of its worker.
 *
 * INVARIANT: only the pod's worker changes it. The record on disk may be older than the one here; it is brought up to date in the
 * background, and waited for before anything is removed that the record then is the only trace of.
 */
export class PodEntry {
  readonly uid: string;
  record: PodRecord;
  readonly memory: PodMemory;
  /** The pod as the manifest had it last; its spec outlives its place there. */
  lastPod: Pod | undefined;
  readonly #doors: PodDoors;
  readonly #disk: DurableRecord<PodRecord>;
  #saved: PodRecord | undefined;
  #saving: Promise<void> | undefined;

  private constructor(doors: PodDoors, record: PodRecord, saved: boolean) {
    this.uid = record.uid;
    this.record = record;
    this.#doors = doors;
    this.#disk = diskOf(doors, record.uid);
    this.#saved = saved ? record : undefined;
    this.memory = newPodMemory(doors.clock.monotonicMs() - Math.max(0, sinceStart(doors, record)));
  }

  /** From its record on disk, else from the manifest, else from the runtime's labels; undefined when nobody knows it. */
  static async open(doors: PodDoors, uid: string, pod: Pod | undefined, sandbox: SandboxState | undefined): Promise<PodEntry | undefined> {
    const { value } = await diskOf(doors, uid).read();
    if (value) return new PodEntry(doors, value, true);
    const { namespace, name } = pod?.metadata ?? sandbox ?? {};
    if (namespace === undefined || name === undefined) return undefined;
    const startWallMs = sandbox?.createdWallMs ?? doors.clock.wallMs();
    const bootId = doors.bootId?.();
    const aliveMs = doors.clock.wallMs() - startWallMs;
    const dated = { startWallMs, ...(bootId === undefined ? {} : { bootId, startBootMs: doors.clock.bootMs() - aliveMs }) };
    return new PodEntry(doors, { namespace, name, uid, ...dated, graceSeconds: graceOf(pod), containers: {} }, false);
  }

  /** Takes in what the manifest and the runtime show now. */
  async look(pod: Pod | undefined, sandboxes: readonly SandboxState[]): Promise<void> {
    if (pod) this.lastPod = pod;
    const grace = pod ? graceOf(pod) : this.record.graceSeconds;
    if (grace !== this.record.graceSeconds) this.record = { ...this.record, graceSeconds: grace };
    this.record = observe(this.record, sandboxes, this.#doors.bootId?.());
    const nowMs = this.#doors.clock.monotonicMs();
    for (const [name, { attempt, ended }] of Object.entries(this.record.containers)) {
      const memory = containerMemory(this.memory, name);
      if (!ended || memory.endSeen?.attempt === attempt) continue;
      memory.endSeen = { attempt, atMs: nowMs };
      if (ended.message === undefined) await this.#readMessage(name, attempt);
    }
  }

  async #readMessage(name: string, attempt: number): Promise<void> {
    const { files, volumes } = this.#doors;
    const message = (await readTerminationMessage(files, volumes.podDir(this.uid), name, attempt)) || (await this.#lastLog(name));
    const found = this.record.containers[name];
    if (!message || !found?.ended) return;
    this.record = { ...this.record, containers: { ...this.record.containers, [name]: { ...found, ended: { ...found.ended, message } } } };
  }

  /** What a container that failed logged last, where its owner wants that for a message. */
  async #lastLog(name: string): Promise<string> {
    const ended = this.record.containers[name]?.ended;
    const container = this.lastPod && findContainer(this.lastPod, name);
    if (!ended || ended.exitCode === 0 || container?.terminationMessagePolicy !== 'FallbackToLogsOnError') return '';
    return readLastLog(this.#doors.runtime, ended.id).catch(() => '');
  }

  /** Resolves when the record as it is now is safe on disk. */
  async save(): Promise<void> {
    while (this.#saved !== this.record) {
      this.#saving ??= this.#write().finally(() => {
        this.#saving = undefined;
      });
      await this.#saving;
    }
  }

  /** Saves without anybody waiting; a failure is tried again with the next change. */
  saveSoon(): void {
    if (Object.keys(this.record.containers).length === 0 && !this.record.terminal) return;
    this.save().catch((error: unknown) => {
      this.#doors.logger.warn('cannot write the record of a pod', { pod: this.record.name, namespace: this.record.namespace, error });
    });
  }

  async #write(): Promise<void> {
    const { record } = this;
    await this.#doors.files.mkdir(this.#doors.volumes.podDir(this.uid), { mode: 0o750 });
    await this.#disk.write(record);
    this.#saved = record;
  }
}

function diskOf(doors: PodDoors, uid: string): DurableRecord<PodRecord> {
  return new DurableRecord(doors.files, `${doors.volumes.podDir(uid)}/record`);
}

/** By the boot clock while the boot is the same; after a reboot only the wall can tell. */
function sinceStart({ bootId, clock }: PodDoors, record: PodRecord): number {
  const sameBoot = record.bootId !== undefined && record.bootId === bootId?.();
  return sameBoot && record.startBootMs !== undefined ? clock.bootMs() - record.startBootMs : clock.wallMs() - record.startWallMs;
}

function graceOf(pod: Pod | undefined): number {
  return pod?.spec?.terminationGracePeriodSeconds ?? 30;
}
