import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** A file's content, decompressed while it is read. */
export interface ByteSource {
  readonly compression: 'none' | 'gzip' | 'zstd' | 'xz';
  /** Of what comes out; undefined where a compressed file does not say. */
  readonly sizeBytes: number | undefined;
  /** Each is only good until the next is asked for. Ends with an error when the file is damaged or truncated. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

const magics: readonly (readonly [ByteSource['compression'], string])[] = [
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['gzip', '1f8b'],
];

/** Opens a file that may be compressed with gzip, zstd or xz (by the program of that name), by what it begins with. */
export async function openByteSource(path: string): Promise<ByteSource> {
  const file = await fs.open(path);
  let sizeBytes: number;
  const head = Buffer.alloc(18);
  try {
    sizeBytes = (await file.stat()).size;
    await file.read(head, 0, head.length, 0);
  } finally {
    await file.close();
  }
  const compression = magics.find(([, magic]) => head.toString('hex').startsWith(magic))?.[0] ?? 'none';
  if (compression === 'none') return { compression, sizeBytes, pieces: raw(path) };
  if (compression === 'xz') return { compression, sizeBytes: undefined, pieces: xz(path) };
  const unpack = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  const pieces: Readable = pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), unpack, () => {});
  return { compression, sizeBytes: compression === 'zstd' ? zstdContentSize(head) : undefined, pieces };
}

/** Into the same memory again and again: a stream would leave its buffers to the garbage collector, which lets them pile up. */
async function* raw(path: string): AsyncGenerator<Uint8Array> {
  const file = await fs.open(path);
  try {
    const buffer = Buffer.allocUnsafeSlow(1 << 20);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** The size that a zstd frame's header may give (RFC 8878, 3.1.1.1). */
function zstdContentSize(head: Buffer): number | undefined {
  const descriptor = head[4] ?? 0;
  const [flag, single] = [descriptor >> 6, (descriptor & 0x20) !== 0];
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (flag === 0) return single ? head[at] : undefined;
  if (flag === 1) return head.readUInt16LE(at) + 256;
  if (flag === 2) return head.readUInt32LE(at);
  return at + 8 <= head.length ? Number(head.readBigUInt64LE(at)) : undefined;
}

async function* xz(path: string): AsyncGenerator<Uint8Array> {
  const child = spawn('xz', ['-dc', '-T0', '--', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, 1000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      reject(missing ? new Error('the program xz is missing (on Debian: apt-get install xz-utils)', { cause: error }) : error);
    });
    child.on('close', resolve);
  });
  // Told below; until then nobody waits for it.
  ended.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const code = await ended;
    if (code !== 0) throw new Error(said.trim() || `xz ended with ${code}`);
  } finally {
    child.kill('SIGKILL');
  }
}
