import {
  type Fence,
  type PutOptions,
  StoreBusyError,
  type StoreEvent,
  StoreUnavailableError,
  type ValueTransformer,
  type WriteResult,
} from '../contract.ts';
import { type Batch, type BatchResult, outcome, type Row, type Sealed } from './protocol.ts';

const batchWrites = 512;
const batchBytes = 4 << 20;

interface Waiting {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
  readonly options: PutOptions;
  resolve(result: WriteResult): void;
  reject(error: Error): void;
}

/** What a batch came to. */
export interface Committed {
  readonly events: readonly StoreEvent[];
  /** For each event the time to live; undefined lives for ever. */
  readonly ttlSeconds: readonly (number | undefined)[];
  /** Answers the writers: after the events were handed out. */
  answer(): void;
}

export interface WriteQueueLimits {
  readonly writes: number;
  readonly bytes: number;
}

/** The writes that wait for the next commit. Bounded: who comes when it is full is sent away. */
export class WriteQueue {
  readonly #limits: WriteQueueLimits;
  readonly #transformer: ValueTransformer | undefined;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(limits: WriteQueueLimits, transformer: ValueTransformer | undefined) {
    this.#limits = limits;
    this.#transformer = transformer;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(key: string, value: string | undefined, options: PutOptions): Promise<WriteResult> {
    const bytes = key.length + (value?.length ?? 0);
    if (this.#waiting.length >= this.#limits.writes || (this.#bytes > 0 && this.#bytes + bytes > this.#limits.bytes)) {
      return Promise.reject(new StoreBusyError());
    }
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, value, options, resolve, reject });
    });
  }

  /** Takes what shall commit together, and what to do with the result. */
  take(): { batch: Batch; settle: (result: BatchResult) => Committed; refuse: (error: Error) => void } {
    const taken: Waiting[] = [];
    const values: (Sealed | null)[] = [];
    let bytes = 0;
    let count = 0;
    for (const write of this.#waiting) {
      if (count === batchWrites || bytes > batchBytes) break;
      count++;
      bytes += write.key.length + (write.value?.length ?? 0);
      const sealed = this.#seal(write);
      if (sealed === undefined) continue;
      taken.push(write);
      values.push(sealed);
    }
    this.#waiting = this.#waiting.slice(count);
    this.#bytes -= bytes;
    return {
      batch: { keys: taken.map((write) => write.key), values, ...unusual(taken) },
      settle: (result) => this.#settle(taken, result),
      refuse: (error) => {
        for (const write of taken) write.reject(error);
      },
    };
  }

  refuseAll(error: Error): void {
    for (const write of this.#waiting) write.reject(error);
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** undefined when it failed: then the writer knows. */
  #seal({ key, value, reject }: Waiting): Sealed | null | undefined {
    if (value === undefined) return null;
    try {
      return this.#transformer?.seal(key, value) ?? value;
    } catch (cause) {
      reject(new StoreUnavailableError(`${key} cannot be encrypted`, { cause }));
      return undefined;
    }
  }

  #settle(taken: readonly Waiting[], result: BatchResult): Committed {
    const events: StoreEvent[] = [];
    const ttlSeconds: (number | undefined)[] = [];
    const answers: (() => void)[] = [];
    for (const [at, { key, value, options, resolve, reject }] of taken.entries()) {
      const row = result.previous?.[at] ?? undefined;
      const code = result.outcomes?.[at] ?? outcome.ok;
      const revision = result.first + events.length;
      const previous = row && open(row, this.#transformer);
      if (code === outcome.ok) {
        events.push({ type: value === undefined ? 'delete' : 'put', key, value, previous, revision });
        ttlSeconds.push(options.ttlSeconds);
        answers.push(() => resolve({ ok: true, revision, previous }));
      } else if (code === outcome.conflict) answers.push(() => resolve({ ok: false, reason: 'conflict', current: previous }));
      else if (code === outcome.fenced) answers.push(() => resolve({ ok: false, reason: 'fenced' }));
      else answers.push(() => reject(new StoreUnavailableError('the disk of the hub is full: only deleting is possible')));
    }
    return {
      events,
      ttlSeconds,
      answer: () => {
        for (const one of answers) one();
      },
    };
  }
}

/** The fields in which any of these writes is not the usual one. */
function unusual(writes: readonly Waiting[]): Omit<Batch, 'keys' | 'values'> {
  const any = (differs: (options: PutOptions) => unknown): boolean => writes.some((write) => differs(write.options));
  return {
    ...(any((options) => options.expectedRevision !== undefined)
      ? { expected: writes.map(({ options }) => options.expectedRevision ?? -1) }
      : {}),
    ...(any((options) => options.ttlSeconds) ? { ttlSeconds: writes.map(({ options }) => options.ttlSeconds ?? 0) } : {}),
    ...(any((options) => options.fence) ? { fences: writes.map(({ options }) => plainFence(options.fence)) } : {}),
    ...(any((options) => options.deleting) ? { deleting: writes.map(({ options }) => options.deleting ?? false) } : {}),
  };
}

/** A caller's fence may be more than its two fields, and then may not be cloned. */
function plainFence(fence: Fence | undefined): Fence | null {
  return fence ? { key: fence.key, revision: fence.revision } : null;
}

/** What a row holds, as it was before it was sealed. What was written before there was a transformer is text. */
export function open(row: Row, transformer: ValueTransformer | undefined): Row & { readonly value: string } {
  const { value } = row;
  if (typeof value === 'string') return { ...row, value };
  return { ...row, value: transformer ? transformer.open(row.key, value) : Buffer.from(value).toString('utf8') };
}
