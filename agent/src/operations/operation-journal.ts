import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { type OperationReport, operationLimits, type WaitingOperation } from '@flotilla/shared/protocol/operation-messages.js';

/** What this board did, or began to do, because an operation asked for it. */
export interface JournalEntry {
  readonly uid: string;
  readonly name: string;
  readonly action: string;
  /** The hub's clock when the operation was made. */
  readonly createdWallMs: number;
  /** The boot it began in. */
  readonly bootId: string;
  /** Undefined from before the act until its end is known. What was collected lies in a file of its own. */
  readonly end?: Omit<OperationReport, 'diagnostics'>;
  readonly acknowledged?: boolean;
}

interface Kept {
  readonly entries: readonly JournalEntry[];
  /** Operations made up to then are not begun when they are not among the entries: they may have been, and were forgotten. */
  readonly floorWallMs: number;
}

/** Entries whose end the hub knows; the oldest give way. */
const mostKept = 256;

/**
 * The board's memory of operations: `DIR/journal`, and `DIR/report` for the one that collected something.
 *
 * INVARIANTS: what was begun is on disk before the act; an entry is forgotten only after its end was acknowledged, and then nothing
 * that was made as early is begun any more. A damaged journal counts as one that forgot everything.
 */
export class OperationJournal {
  readonly #files: Files;
  readonly #dir: string;
  readonly #record: DurableRecord<Kept>;
  #entries = new Map<string, JournalEntry>();
  #floorWallMs = 0;
  #damaged = false;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
    this.#record = new DurableRecord(files, `${dir}/journal`);
  }

  async load(): Promise<void> {
    await this.#files.mkdir(this.#dir, { mode: 0o700 });
    const { value, damaged } = await this.#record.read();
    this.#entries = new Map((value?.entries ?? []).map((entry) => [entry.uid, entry]));
    this.#floorWallMs = value?.floorWallMs ?? 0;
    this.#damaged = damaged;
  }

  get(uid: string): JournalEntry | undefined {
    return this.#entries.get(uid);
  }

  /** Those that were begun and have no end. */
  unended(): readonly JournalEntry[] {
    return [...this.#entries.values()].filter(({ end }) => !end);
  }

  /** The oldest whose end the hub does not know. */
  unacknowledged(): JournalEntry | undefined {
    return [...this.#entries.values()].find(({ end, acknowledged }) => end && !acknowledged);
  }

  /** Whether an operation that is not in the journal may have been in it. After damage, all that the hub tells of then. */
  mayHaveForgotten({ createdWallMs }: Pick<WaitingOperation, 'createdWallMs'>): boolean {
    return createdWallMs <= this.#floorWallMs;
  }

  /** The hub told what waits. Resolves when what a damaged journal may have held is settled. */
  async heard(operations: readonly Pick<WaitingOperation, 'uid' | 'createdWallMs'>[]): Promise<void> {
    if (!this.#damaged) return;
    const unknown = operations.filter(({ uid }) => !this.#entries.has(uid)).map(({ createdWallMs }) => createdWallMs);
    const floorWallMs = Math.max(this.#floorWallMs, ...unknown);
    await this.#record.write({ entries: [...this.#entries.values()], floorWallMs });
    this.#floorWallMs = floorWallMs;
    this.#damaged = false;
  }

  /** Resolves when it is safe on disk; only then may the act begin. */
  async begin({ uid, name, action, createdWallMs }: WaitingOperation, bootId: string): Promise<void> {
    await this.#write(new Map(this.#entries).set(uid, { uid, name, action, createdWallMs, bootId }), this.#floorWallMs);
  }

  /** Known here from now on, even if it cannot be written: then a restart ends it as Unknown. */
  async end(uid: string, report: OperationReport): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    const { diagnostics, ...end } = report;
    if (diagnostics !== undefined) await this.#files.writeAtomic(this.#reportFile, diagnostics, { mode: 0o600 });
    this.#entries = new Map(this.#entries).set(uid, { ...entry, end });
    await this.#write(this.#entries, this.#floorWallMs);
  }

  /** The whole report of an operation that ended. */
  async report({ action, end }: JournalEntry): Promise<OperationReport | undefined> {
    if (!end || action !== 'CollectDiagnostics' || end.phase !== 'Succeeded') return end;
    const diagnostics = await this.#files.readText(this.#reportFile);
    return diagnostics === undefined
      ? { phase: 'Failed', message: 'What was collected is no longer on the board.' }
      : { ...end, diagnostics: diagnostics.slice(0, operationLimits.diagnosticsBytes) };
  }

  /** The hub has it, known here from now on. If the note cannot be written the hub is merely told again after a restart. */
  async acknowledge(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry?.end || entry.acknowledged) return;
    const entries = new Map(this.#entries).set(uid, { ...entry, acknowledged: true });
    let floorWallMs = this.#floorWallMs;
    for (const old of [...entries.values()].filter(({ acknowledged }) => acknowledged).slice(0, -mostKept)) {
      entries.delete(old.uid);
      floorWallMs = Math.max(floorWallMs, old.createdWallMs);
    }
    this.#entries = entries;
    this.#floorWallMs = floorWallMs;
    await this.#write(entries, floorWallMs);
    if (entry.action === 'CollectDiagnostics') await this.#files.remove(this.#reportFile);
  }

  get #reportFile(): string {
    return `${this.#dir}/report`;
  }

  async #write(entries: Map<string, JournalEntry>, floorWallMs: number): Promise<void> {
    await this.#record.write({ entries: [...entries.values()], floorWallMs });
    this.#entries = entries;
    this.#floorWallMs = floorWallMs;
  }
}
