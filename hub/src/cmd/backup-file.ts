import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** What the first line of a backup says of the rest of it. */
export interface BackupHeader {
  readonly format: 'flotilla-backup/1';
  /** `sha256:HEX` of the authority's key, of the cluster whose objects these are. */
  readonly cluster: string;
  /** RFC 3339. */
  readonly takenAt: string;
  readonly epoch: number;
  readonly revision: number;
  /** Of what follows the first line, a SQLite database. */
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

const mostHeaderBytes = 4096;

/** Hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A backup as bytes: the header, then the copy of the store. */
export async function* backupChunks(header: BackupHeader, copy: string): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  for await (const chunk of createReadStream(copy, { highWaterMark: 256 * 1024 })) yield chunk as Buffer;
}

/** @throws Error when the file is no backup, is one of a later version, or is not complete */
async function readBackupHeader(file: string): Promise<BackupHeader & { readonly begin: number }> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mostHeaderBytes), 0, mostHeaderBytes, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(10);
    const header = end < 0 ? undefined : parse(buffer.toString('utf8', 0, end));
    if (!header) throw new Error(`${file} is no backup of a hub`);
    if (header.format !== 'flotilla-backup/1')
      throw new Error(`${file} has the format ${header.format}; this version reads flotilla-backup/1`);
    const { size } = await stat(file);
    if (size !== end + 1 + header.bytes) throw new Error(`${file} is not complete: it has ${size} of ${end + 1 + header.bytes} bytes`);
    return { ...header, begin: end + 1 };
  } finally {
    await handle.close();
  }
}

/** Writes the store's copy out of a backup. @throws Error when it is not what was backed up */
export async function extractBackup(file: string, to: string): Promise<BackupHeader> {
  const { begin, ...header } = await readBackupHeader(file);
  await pipeline(createReadStream(file, { start: begin }), createWriteStream(to, { mode: 0o600 }));
  if ((await sha256Of(to)) !== header.sha256) throw new Error(`${file} is damaged: its checksum is not right`);
  return header;
}

function parse(line: string): BackupHeader | undefined {
  try {
    const value = JSON.parse(line) as Partial<BackupHeader> | null;
    return typeof value?.format === 'string' && value.format.startsWith('flotilla-backup/') ? (value as BackupHeader) : undefined;
  } catch {
    return undefined;
  }
}
