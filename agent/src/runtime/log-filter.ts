import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';

export type RuntimeLogOptions = Omit<LogOptions, 'container' | 'previous'>;

/** One write of a container, or the part of a long line that fitted. */
export interface LogRecord {
  /** RFC 3339 in UTC with nine digits of a second: `2026-01-01T00:00:00.000000000Z`. */
  readonly time: string;
  /** False when the line goes on in the next record. */
  readonly endsLine: boolean;
  readonly text: Buffer;
}

/** What `kubectl logs` options make of a container's records; `tailLines` is the source's business. One filter serves one stream. */
export class LogFilter {
  readonly #sinceMs: number;
  readonly #timestamps: boolean;
  #bytesLeft: number;
  #atLineStart = true;

  constructor(options: RuntimeLogOptions, nowWallMs: number) {
    this.#sinceMs = Math.max(
      options.sinceTime === undefined ? Number.NEGATIVE_INFINITY : Date.parse(options.sinceTime),
      options.sinceSeconds === undefined ? Number.NEGATIVE_INFINITY : nowWallMs - options.sinceSeconds * 1000,
    );
    this.#timestamps = options.timestamps === true;
    this.#bytesLeft = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The limit of bytes is reached: nothing more comes out. */
  get full(): boolean {
    return this.#bytesLeft <= 0;
  }

  push(record: LogRecord): Buffer | undefined {
    if (this.full || Date.parse(record.time) < this.#sinceMs) return undefined;
    const parts: Buffer[] = [];
    if (this.#timestamps && this.#atLineStart) parts.push(Buffer.from(`${record.time} `));
    parts.push(record.text);
    if (record.endsLine) parts.push(Buffer.from('\n'));
    this.#atLineStart = record.endsLine;
    const all = parts.length === 1 ? record.text : Buffer.concat(parts);
    const fits = all.length <= this.#bytesLeft ? all : all.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= fits.length;
    return fits.length > 0 ? fits : undefined;
  }
}

/** A time as container runtimes write it (any offset, any number of digits) in the one form `LogRecord` has. */
export function logTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const [, seconds, fraction = '', offset] = match;
  const utc = offset === 'Z' || offset === '+00:00' ? seconds : shiftToUtc(`${seconds}${offset}`);
  return utc === undefined ? undefined : `${utc}.${fraction.padEnd(9, '0')}Z`;
}

function shiftToUtc(text: string): string | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, 19);
}
