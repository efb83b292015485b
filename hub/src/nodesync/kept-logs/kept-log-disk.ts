import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { checkedBody, checkedText } from '@flotilla/shared/platform/checked-text.js';
import type { Files } from '@flotilla/shared/platform/files.js';

/** One container's log as its board sent it. */
export interface KeptLog {
  readonly node: string;
  /** The pod's. */
  readonly uid: string;
  readonly container: string;
  /** As in the pod's status: `podman://…`. */
  readonly containerId: string;
  /** When the hub got it. */
  readonly sentMs: number;
  /** Base64; every line begins with its time. */
  readonly log: string;
}

interface Entry {
  readonly path: string;
  readonly uid: string;
  readonly bytes: number;
  readonly sentMs: number;
}

export interface KeptLogDiskOptions {
  readonly files: Files;
  readonly dir: string;
  /** Of all boards, and of one; 64 MiB and 1 MiB by default. */
  readonly totalBytes?: number;
  readonly boardBytes?: number;
}

const kind = 'flotilla-kept-log/1';

/**
 * Logs on the hub's disk: `DIR/NODE/UID.SENT.HASH`, one file each, whole or not there, with a checksum. The oldest go when a board's or
 * the whole of them exceed their bounds.
 */
export class KeptLogDisk {
  readonly #files: Files;
  readonly #dir: string;
  readonly #totalBytes: number;
  readonly #boardBytes: number;
  /** By node, and in it by container id's hash; oldest first. */
  readonly #boards = new Map<string, Map<string, Entry>>();
  #bytes = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: KeptLogDiskOptions) {
    this.#files = options.files;
    this.#dir = options.dir;
    this.#totalBytes = options.totalBytes ?? 64 * 1024 * 1024;
    this.#boardBytes = options.boardBytes ?? 1024 * 1024;
  }

  /** Finds what an earlier run left. @param lives whether the pod of that uid still exists; what belongs to no pod goes */
  async load(lives: (uid: string) => boolean): Promise<void> {
    const found: { node: string; hash: string; entry: Entry }[] = [];
    for (const node of await this.#files.list(this.#dir)) {
      for (const name of await this.#files.list(join(this.#dir, node))) {
        const path = join(this.#dir, node, name);
        const [uid = '', sent = '', hash = ''] = name.startsWith('.') ? [] : name.split('.');
        if (!hash || !lives(uid)) await this.#files.remove(path);
        else found.push({ node, hash, entry: { path, uid, bytes: (await this.#files.stat(path))?.size ?? 0, sentMs: Number(sent) } });
      }
    }
    found.sort((a, b) => a.entry.sentMs - b.entry.sentMs);
    for (const { node, hash, entry } of found) this.#add(node, hash, entry);
  }

  /** Resolves when it is on disk. @throws the disk's error */
  save(kept: KeptLog): Promise<void> {
    return this.#inTurn(async () => {
      const hash = hashOf(kept.containerId);
      const dir = join(this.#dir, kept.node);
      const path = join(dir, `${kept.uid}.${kept.sentMs}.${hash}`);
      const text = checkedText(kind, JSON.stringify(kept));
      await this.#files.mkdir(dir, { mode: 0o700 });
      await this.#files.writeAtomic(path, text, { mode: 0o600 });
      const before = this.#boards.get(kept.node)?.get(hash);
      if (before && before.path !== path) await this.#remove(kept.node, hash);
      else if (before) this.#bytes -= before.bytes;
      this.#add(kept.node, hash, { path, uid: kept.uid, bytes: text.length, sentMs: kept.sentMs });
      await this.#keepBounds(kept.node);
    });
  }

  /** Undefined when none is kept, or what was kept is damaged. */
  async read(node: string, containerId: string): Promise<KeptLog | undefined> {
    const entry = this.#boards.get(node)?.get(hashOf(containerId));
    const text = entry && (await this.#files.readText(entry.path));
    const body = text === undefined ? undefined : checkedBody(kind, text);
    const kept = body === undefined ? undefined : (JSON.parse(body) as KeptLog);
    return kept?.containerId === containerId ? kept : undefined;
  }

  /** The pod is no more. */
  forgetPod(node: string, uid: string): Promise<void> {
    return this.#inTurn(async () => {
      for (const [hash, entry] of this.#boards.get(node) ?? []) if (entry.uid === uid) await this.#remove(node, hash);
      if (this.#boards.get(node)?.size !== 0) return;
      this.#boards.delete(node);
      await this.#files.remove(join(this.#dir, node));
    });
  }

  async #keepBounds(node: string): Promise<void> {
    let own = 0;
    for (const { bytes } of this.#boards.get(node)?.values() ?? []) own += bytes;
    for (const [hash, { bytes }] of this.#boards.get(node) ?? []) {
      if (own <= this.#boardBytes) break;
      own -= bytes;
      await this.#remove(node, hash);
    }
    while (this.#bytes > this.#totalBytes) {
      let oldest: { node: string; hash: string; sentMs: number } | undefined;
      for (const [other, entries] of this.#boards) {
        const [first] = entries;
        if (first && (!oldest || first[1].sentMs < oldest.sentMs)) oldest = { node: other, hash: first[0], sentMs: first[1].sentMs };
      }
      if (!oldest) return;
      await this.#remove(oldest.node, oldest.hash);
    }
  }

  #add(node: string, hash: string, entry: Entry): void {
    const entries = this.#boards.get(node) ?? new Map<string, Entry>();
    this.#boards.set(node, entries);
    entries.delete(hash);
    entries.set(hash, entry);
    this.#bytes += entry.bytes;
  }

  async #remove(node: string, hash: string): Promise<void> {
    const entries = this.#boards.get(node);
    const entry = entries?.get(hash);
    if (!entries || !entry) return;
    entries.delete(hash);
    this.#bytes -= entry.bytes;
    await this.#files.remove(entry.path);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }
}

function hashOf(containerId: string): string {
  return createHash('sha256').update(containerId).digest('hex').slice(0, 32);
}
