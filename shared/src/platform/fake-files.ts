import { dirname, join, resolve } from 'node:path';
import type { FileStat, Files, WriteOptions } from './files.ts';

interface Node {
  kind: 'file' | 'directory' | 'symlink';
  data: Buffer;
  /** What of the content has reached the device. */
  synced: Buffer;
  mode: number;
  uid: number;
  gid: number;
}

/** The error of every call from the cut on, until `restore`. */
export class PowerCut extends Error {
  constructor() {
    super('the power is cut');
    this.name = 'PowerCut';
  }
}

/**
 * A disk in memory that remembers what was synced. `cutAfter(n)` lets the power fail at the n-th write step from now (an atomic write
 * has four), `restore` starts the machine again with only what had reached the device.
 */
export class FakeFiles implements Files {
  /** Bytes that fit; more fails with ENOSPC. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Write steps so far: a program that did nothing has not moved it. */
  steps = 0;
  /** Writes refused because the disk was full. */
  refused = 0;
  /** Called in the step at which the power fails, before its error: the moment to end the process that writes. */
  onCut: () => void = () => {};

  #current = new Map<string, Node>([['/', directory(0o755)]]);
  #durable = new Map<string, Node>(this.#current);
  #cutAt = Number.POSITIVE_INFINITY;
  #off = false;

  cutAfter(steps: number): void {
    this.#cutAt = this.steps + steps;
  }

  /** Bytes in files now. */
  get usedBytes(): number {
    return this.#used();
  }

  get off(): boolean {
    return this.#off;
  }

  /** Starts the machine again. By default all that was not synced is lost; `keepUnsynced` keeps it, as when only the process died. */
  restore(options: { readonly keepUnsynced?: boolean } = {}): void {
    this.#off = false;
    this.#cutAt = Number.POSITIVE_INFINITY;
    if (options.keepUnsynced) {
      for (const node of this.#current.values()) node.synced = node.data;
    } else {
      this.#current = new Map(this.#durable);
      for (const path of [...this.#current.keys()]) {
        if (!reachable(this.#current, path)) this.#current.delete(path);
      }
      for (const node of this.#current.values()) node.data = node.synced;
    }
    this.#durable = new Map(this.#current);
  }

  /** Damages a file's bytes where it lies, as flash does. */
  corrupt(path: string): void {
    const node = this.#node(path);
    if (!node) throw fault('ENOENT', path);
    node.data = Buffer.from(node.data);
    node.data.fill(0x2a, Math.floor(node.data.length / 2));
    node.synced = node.data;
  }

  async readBytes(path: string): Promise<Buffer | undefined> {
    this.#alive();
    const node = this.#node(path);
    if (node?.kind === 'directory') throw fault('EISDIR', path);
    return node && Buffer.from(node.data);
  }

  async readText(path: string): Promise<string | undefined> {
    return (await this.readBytes(path))?.toString('utf8');
  }

  async list(dir: string): Promise<string[]> {
    this.#alive();
    const real = this.#real(dir);
    return children(this.#current, real)
      .map((path) => path.slice(real === '/' ? 1 : real.length + 1))
      .sort();
  }

  async stat(path: string, options: { readonly followLinks?: boolean } = {}): Promise<FileStat | undefined> {
    this.#alive();
    const node = options.followLinks === false ? this.#current.get(this.#place(path)) : this.#node(path);
    return node && { kind: node.kind, mode: node.mode, uid: node.uid, gid: node.gid, size: node.data.length };
  }

  async readlink(path: string): Promise<string | undefined> {
    this.#alive();
    const node = this.#current.get(this.#place(path));
    if (node && node.kind !== 'symlink') throw fault('EINVAL', path);
    return node?.data.toString('utf8');
  }

  async realPath(path: string): Promise<string | undefined> {
    this.#alive();
    const place = this.#real(path);
    return this.#current.has(place) ? place : undefined;
  }

  async space(): Promise<{ bytes: number; freeBytes: number }> {
    this.#alive();
    const bytes = Number.isFinite(this.capacityBytes) ? this.capacityBytes : 2 ** 36;
    return { bytes, freeBytes: bytes - this.#used() };
  }

  async writeAtomic(path: string, data: string | Buffer, options: WriteOptions = {}): Promise<void> {
    const temporary = join(dirname(path), `.${path.slice(path.lastIndexOf('/') + 1)}.tmp`);
    await this.write(temporary, data, { mode: options.mode ?? 0o644 });
    await this.sync(temporary);
    await this.rename(temporary, path);
    await this.sync(dirname(path));
  }

  async write(path: string, data: string | Buffer, options: WriteOptions = {}): Promise<void> {
    this.#step();
    const place = this.#real(path);
    this.#parentOf(place);
    const bytes = ownCopy(data);
    const before = this.#current.get(place);
    if (before?.kind === 'directory') throw fault('EISDIR', path);
    if (this.#used() + bytes.length - (before?.data.length ?? 0) > this.capacityBytes) {
      this.refused++;
      throw fault('ENOSPC', path);
    }
    if (before) {
      before.data = bytes;
      before.mode = options.mode ?? before.mode;
    } else {
      this.#current.set(place, { kind: 'file', data: bytes, synced: Buffer.alloc(0), mode: options.mode ?? 0o644, uid: 0, gid: 0 });
    }
  }

  async mkdir(path: string, options: WriteOptions = {}): Promise<void> {
    const parts = resolve('/', path).split('/').filter(Boolean);
    for (let depth = 1; depth <= parts.length; depth++) {
      const place = this.#real(`/${parts.slice(0, depth).join('/')}`);
      const there = this.#current.get(place);
      if (there && there.kind !== 'directory') throw fault(depth === parts.length ? 'EEXIST' : 'ENOTDIR', path);
      if (there) continue;
      this.#step();
      const made = directory(0o755);
      this.#current.set(place, made);
      this.#durable.set(place, made);
    }
    const last = this.#node(path);
    if (last && options.mode !== undefined) last.mode = options.mode;
  }

  async remove(path: string): Promise<void> {
    this.#alive();
    const place = this.#place(path);
    const gone = [...this.#current.keys()].filter((other) => other === place || other.startsWith(`${place}/`));
    if (gone.length > 0) this.#step();
    for (const other of gone) this.#current.delete(other);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    const [source, target] = [this.#place(from), this.#place(to)];
    const moved = [...this.#current.entries()].filter(([path]) => path === source || path.startsWith(`${source}/`));
    if (moved.length === 0) throw fault('ENOENT', from);
    this.#parentOf(target);
    if (this.#current.get(target)?.kind === 'directory' && children(this.#current, target).length > 0) throw fault('ENOTEMPTY', to);
    for (const [path] of moved) this.#current.delete(path);
    for (const [path, node] of moved) this.#current.set(target + path.slice(source.length), node);
  }

  async symlink(target: string, path: string): Promise<void> {
    this.#step();
    const place = this.#place(path);
    this.#parentOf(place);
    if (this.#current.has(place)) throw fault('EEXIST', path);
    const data = Buffer.from(target);
    this.#current.set(place, { kind: 'symlink', data, synced: data, mode: 0o777, uid: 0, gid: 0 });
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.#step();
    this.#found(path).mode = mode;
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    this.#step();
    const node = this.#current.get(this.#place(path));
    if (!node) throw fault('ENOENT', path);
    if (uid >= 0) node.uid = uid;
    if (gid >= 0) node.gid = gid;
  }

  async sync(path: string): Promise<void> {
    this.#step();
    const node = this.#found(path);
    node.synced = node.data;
    if (node.kind !== 'directory') return;
    const place = this.#real(path);
    for (const child of children(this.#durable, place)) {
      if (this.#current.get(child) === this.#durable.get(child)) continue;
      for (const other of [...this.#durable.keys()]) if (other === child || other.startsWith(`${child}/`)) this.#durable.delete(other);
    }
    for (const child of children(this.#current, place)) {
      const entry = this.#current.get(child);
      if (entry) this.#durable.set(child, entry);
    }
  }

  #alive(): void {
    if (this.#off) throw new PowerCut();
  }

  #step(): void {
    this.#alive();
    if (this.steps >= this.#cutAt) {
      this.#off = true;
      this.onCut();
      throw new PowerCut();
    }
    this.steps++;
  }

  #used(): number {
    let used = 0;
    for (const node of this.#current.values()) used += node.data.length;
    return used;
  }

  #node(path: string): Node | undefined {
    return this.#current.get(this.#real(path));
  }

  #found(path: string): Node {
    const node = this.#node(path);
    if (!node) throw fault('ENOENT', path);
    return node;
  }

  #parentOf(place: string): void {
    const parent = this.#current.get(dirname(place));
    if (!parent) throw fault('ENOENT', place);
    if (parent.kind !== 'directory') throw fault('ENOTDIR', place);
  }

  /** The path with the links of its parents resolved, its own last name not. */
  #place(path: string): string {
    const whole = resolve('/', path);
    return whole === '/' ? whole : join(this.#real(dirname(whole)), whole.slice(whole.lastIndexOf('/') + 1));
  }

  #real(path: string): string {
    let place = resolve('/', path);
    for (let hops = 0; hops < 40; hops++) {
      if (place === '/') return place;
      const own = this.#place(place);
      const node = this.#current.get(own);
      if (node?.kind !== 'symlink') return own;
      place = resolve(dirname(own), node.data.toString('utf8'));
    }
    throw fault('ELOOP', path);
  }
}

/** A copy in memory of its own: a small file would keep the whole pool that Node cuts small buffers from, 64 kB for each simulated board. */
function ownCopy(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  const copy = Buffer.alloc(bytes.length);
  bytes.copy(copy);
  return copy;
}

function directory(mode: number): Node {
  return { kind: 'directory', data: Buffer.alloc(0), synced: Buffer.alloc(0), mode, uid: 0, gid: 0 };
}

function children(tree: ReadonlyMap<string, Node>, dir: string): string[] {
  return [...tree.keys()].filter((path) => path !== dir && dirname(path) === dir);
}

function reachable(tree: ReadonlyMap<string, Node>, path: string): boolean {
  return path === '/' || (tree.has(dirname(path)) && reachable(tree, dirname(path)));
}

function fault(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
