import { checkedBody, checkedText } from '@flotilla/shared/platform/checked-text.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { NewEvent } from '#pods/pod-doors.ts';
import type { Moment } from './board-time.ts';

/** An event that the hub has not acknowledged. */
export interface KeptEvent {
  /** `RUN-COUNT`: both only grow. */
  readonly id: string;
  readonly at: Moment;
  readonly event: NewEvent;
}

/** What the oldest of the events were that are no more. */
export interface Dropped {
  readonly count: number;
  /** Of the event that tells of it. */
  readonly id: string;
  readonly at: Moment;
  /** The newest of them: what is not after it counts as gone, wherever it is still found. */
  readonly upTo?: string | undefined;
}

export interface Segment {
  readonly events: readonly KeptEvent[];
  readonly dropped?: Dropped | undefined;
}

const kind = 'flotilla-events/1';

/**
 * Events on disk: files of a few kilobytes, named by the first event in them, each whole or not there, with a checksum. Only the newest
 * is ever written again.
 */
export class EventSegments {
  readonly #files: Files;
  readonly #dir: string;
  #made = false;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Oldest first; `damaged` ones are removed. @throws the disk's error */
  async load(): Promise<{ readonly segments: readonly { readonly name: string; readonly segment: Segment }[]; readonly damaged: number }> {
    const segments: { name: string; segment: Segment }[] = [];
    let damaged = 0;
    for (const name of await this.#files.list(this.#dir)) {
      // A temporary file that a power cut left.
      const text = name.startsWith('.') ? undefined : await this.#files.readText(`${this.#dir}/${name}`);
      const segment = text === undefined ? undefined : parse(text);
      if (segment) segments.push({ name, segment });
      else {
        if (text !== undefined) damaged++;
        await this.#files.remove(`${this.#dir}/${name}`);
      }
    }
    return { segments, damaged };
  }

  /** Resolves when it survives a power cut. @throws the disk's error */
  async write(name: string, segment: Segment): Promise<void> {
    if (!this.#made) await this.#files.mkdir(this.#dir, { mode: 0o700 });
    this.#made = true;
    await this.#files.writeAtomic(`${this.#dir}/${name}`, checkedText(kind, JSON.stringify(segment)), { mode: 0o600 });
  }

  /** Resolves when no power cut brings them back. @throws the disk's error */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#files.remove(`${this.#dir}/${name}`);
    await this.#files.sync(this.#dir);
  }
}

/** Whether an event is not after another. */
export function isUpTo(id: string, last: string): boolean {
  const [run = 0, count = 0] = id.split('-').map(Number);
  const [lastRun = 0, lastCount = 0] = last.split('-').map(Number);
  return run < lastRun || (run === lastRun && count <= lastCount);
}

/** Sorts like the event's place in time. */
export function segmentName({ id }: KeptEvent): string {
  const [run = '', count = ''] = id.split('-');
  return `${run.padStart(12, '0')}-${count.padStart(10, '0')}`;
}

function parse(text: string): Segment | undefined {
  const body = checkedBody(kind, text);
  return body === undefined ? undefined : (JSON.parse(body) as Segment);
}
