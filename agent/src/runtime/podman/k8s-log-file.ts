import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { LogFilter, type LogRecord, logTime, type RuntimeLogOptions } from '../log-filter.ts';

const chunkBytes = 64 << 10;
const newline = 0x0a;

export interface LogSource {
  readonly path: string;
  readonly nowWallMs: number;
  /** Whether the container has ended, so that nothing more will be written. Called when reading came to the end of the file. */
  ended(): Promise<boolean>;
  /** Calls back when the container may have ended. */
  onMaybeEnded(wake: () => void): { stop(): void };
}

/**
 * Reads the file that conmon writes for one container: `TIME STREAM TAG TEXT` on each line, TAG `F` for the end of a line and `P` for
 * a part of one. Follows by file system events; goes on in the new file when conmon started one because of the size limit.
 */
export async function* readK8sLog(source: LogSource, options: RuntimeLogOptions, signal: AbortSignal): AsyncIterable<Buffer> {
  const filter = new LogFilter(options, source.nowWallMs);
  const news = new News();
  const watchers: { stop(): void }[] = options.follow ? [watchFile(source.path, news), source.onMaybeEnded(() => news.tell())] : [];
  const onAbort = (): void => news.tell();
  signal.addEventListener('abort', onAbort, { once: true });
  let file: FileHandle | undefined;
  try {
    file = await openIfThere(source.path);
    let position = file === undefined ? 0 : await tailStart(file, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    let lastRound = false;
    while (!signal.aborted && !filter.full) {
      file ??= await openIfThere(source.path);
      const read = file === undefined ? 0 : await readSome(file, position);
      if (typeof read !== 'number') {
        position += read.length;
        const [records, left] = split(rest.length === 0 ? read : Buffer.concat([rest, read]));
        rest = left;
        for (const record of records) {
          const text = filter.push(record);
          if (text) yield text;
          if (filter.full || signal.aborted) return;
        }
        continue;
      }
      if (file !== undefined && (await wasReplaced(file, source.path))) {
        await file.close();
        file = undefined;
        position = 0;
        rest = Buffer.alloc(0);
        continue;
      }
      if (!options.follow || lastRound) return;
      const heard = news.next();
      // What was written before the end is in the file by then: read once more after hearing of it.
      if (await source.ended()) lastRound = true;
      else await heard;
    }
  } finally {
    for (const watcher of watchers) watcher.stop();
    signal.removeEventListener('abort', onAbort);
    await file?.close();
  }
}

/** One record of the file, without its newline; undefined for what conmon did not write. */
export function parseRecord(line: Buffer): LogRecord | undefined {
  const timeEnd = line.indexOf(0x20);
  const streamEnd = line.indexOf(0x20, timeEnd + 1);
  const tagEnd = line.indexOf(0x20, streamEnd + 1);
  if (timeEnd < 0 || streamEnd < 0) return undefined;
  const time = logTime(line.toString('latin1', 0, timeEnd));
  const tag = line.toString('latin1', streamEnd + 1, tagEnd < 0 ? line.length : tagEnd);
  if (time === undefined || (tag !== 'F' && tag !== 'P')) return undefined;
  return { time, endsLine: tag === 'F', text: tagEnd < 0 ? Buffer.alloc(0) : line.subarray(tagEnd + 1) };
}

function split(bytes: Buffer): [LogRecord[], Buffer] {
  const records: LogRecord[] = [];
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    const record = parseRecord(bytes.subarray(start, end));
    if (record) records.push(record);
    start = end + 1;
  }
  return [records, bytes.subarray(start)];
}

/** Where the last `lines` lines begin, a line being what ends with the container's own newline. */
async function tailStart(file: FileHandle, lines: number | undefined): Promise<number> {
  const { size } = await file.stat();
  if (lines === undefined) return 0;
  if (lines <= 0) return size;
  let position = size;
  let tail: Buffer = Buffer.alloc(0);
  let found = 0;
  let isLast = true;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const chunk = await readSome(file, position, length);
    tail = Buffer.concat([typeof chunk === 'number' ? Buffer.alloc(0) : chunk, tail]);
    // Everything up to the first newline may be the end of a record whose start was not read yet.
    for (let end = tail.lastIndexOf(newline); end >= 0; ) {
      const start = tail.lastIndexOf(newline, end - 1) + 1;
      if (start === 0 && position > 0) break;
      if (end > start || start === 0) {
        const record = parseRecord(tail.subarray(start, end));
        if (record && (record.endsLine || isLast)) found++;
        if (record) isLast = false;
        if (found > lines) return position + end + 1;
      }
      tail = tail.subarray(0, start);
      end = start - 1;
    }
  }
  return 0;
}

async function readSome(file: FileHandle, position: number, length = chunkBytes): Promise<Buffer | 0> {
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
  return bytesRead === 0 ? 0 : buffer.subarray(0, bytesRead);
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function wasReplaced(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [mine, there] = await Promise.all([file.stat(), stat(path)]);
    return mine.ino !== there.ino;
  } catch {
    return false;
  }
}

function watchFile(path: string, news: News): { stop(): void } {
  // The folder, not the file: a new file under the same name must be seen too.
  let watcher: FSWatcher | undefined;
  try {
    const folder = path.slice(0, path.lastIndexOf('/'));
    watcher = watch(folder, { persistent: false }, () => news.tell());
    watcher.on('error', () => {});
  } catch {
    // The folder is gone: the container's end still wakes the reader.
  }
  return { stop: () => watcher?.close() };
}

/** Something may have changed since one last looked; telling many times counts once. */
class News {
  #told = false;
  #wake: (() => void) | undefined;

  tell(): void {
    this.#told = true;
    this.#wake?.();
  }

  async next(): Promise<void> {
    if (!this.#told) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#told = false;
  }
}
