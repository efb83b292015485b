// INVARIANTS
// 1. A file is replaced whole: new clusters, then the FATs, then its one directory slot, then the old clusters are freed. Whoever
//    pulls the card in between has the old file or the new one.
// 2. What the FATs in memory say is what both copies on the disk say when a call resolves.
// 3. No chain is followed for more steps than there are clusters.
import { type Disk, readExactly } from '@flotilla/shared/platform/disks.js';
import { bootSectors, type FatGeometry, type FatSpec, fatSectorBytes, infoSector, readGeometry } from './fat-geometry.ts';
import {
  attribute,
  type DirectoryEntry,
  dotEntries,
  encodeEntry,
  type NewEntry,
  readEntries,
  shortNames,
  slotBytes,
  volumeEntry,
} from './fat-names.ts';

type Entry = Omit<NewEntry, 'taken'>;

const endOfChain = 0x0fff_fff8;
const lastCluster = 0x0fff_ffff;
const mostDirectoryBytes = 65_536 * slotBytes;
const mostFileBytes = 0xffff_ffff;

/** A FAT32 file system on a disk: reads and writes files without mounting it. Paths are as `loader/entries/a.conf`; case does not count. */
export class FatVolume {
  readonly #disk: Disk;
  readonly #at: FatGeometry;
  readonly #fat: Buffer;
  readonly #dirty = new Set<number>();
  #nextFree = 2;

  private constructor(disk: Disk, at: FatGeometry, fat: Buffer) {
    this.#disk = disk;
    this.#at = at;
    this.#fat = fat;
  }

  /** @throws Error when there is no FAT32 file system, or a damaged one */
  static async open(disk: Disk, startBytes: number, sizeBytes: number): Promise<FatVolume> {
    const at = await readGeometry(disk, startBytes, sizeBytes);
    return new FatVolume(disk, at, await readExactly(disk, at.fatAt, at.fatBytes));
  }

  /** Makes an empty one; what was there is gone. The same specification makes the same bytes. */
  static async format(disk: Disk, spec: FatSpec, wallMs: number): Promise<FatVolume> {
    const boot = bootSectors(spec);
    await disk.write(boot, spec.startBytes);
    const at = await readGeometry(disk, spec.startBytes, spec.sizeBytes);
    const volume = new FatVolume(disk, at, Buffer.alloc(at.fatBytes));
    volume.#fat.writeUInt32LE(0x0fff_fff8, 0);
    volume.#fat.writeUInt32LE(lastCluster, 4);
    volume.#fat.writeUInt32LE(lastCluster, 8);
    for (let copy = 0; copy < at.fatCopies; copy++) await disk.write(volume.#fat, at.fatAt + copy * at.fatBytes);
    const root = Buffer.alloc(at.clusterBytes);
    volumeEntry(spec.label, wallMs).copy(root);
    await disk.write(root, volume.#clusterAt(at.rootCluster));
    return volume;
  }

  /** Names in a directory, as they were written; directories end with a slash. @throws Error when it is not there */
  async list(path = ''): Promise<string[]> {
    const entries = readEntries(await this.#read(await this.#directory(path, undefined)));
    return entries
      .filter(({ name }) => !/^\.\.?$/.test(name))
      .map(({ name, attributes }) => (attributes & attribute.directory ? `${name}/` : name));
  }

  /** Undefined when there is no such file. @throws Error when it is longer than the limit */
  async readFile(path: string, limitBytes = 1 << 30): Promise<Buffer | undefined> {
    const entry = await this.#find(path);
    if (!entry || entry.attributes & attribute.directory) return undefined;
    if (entry.sizeBytes > limitBytes) throw new Error(`${path} is longer than ${limitBytes} bytes`);
    const content = entry.sizeBytes === 0 ? Buffer.alloc(0) : await this.#read(entry.firstCluster);
    if (content.length < entry.sizeBytes) throw new Error(`${path} is damaged: it has fewer clusters than bytes`);
    return content.subarray(0, entry.sizeBytes);
  }

  /** Makes or replaces a file, and the directories above it. @throws Error when there is no room: nothing has changed then */
  async writeFile(path: string, data: Buffer, wallMs: number): Promise<void> {
    if (data.length > mostFileBytes) throw new Error(`${path} is too long for FAT32`);
    const [above, name] = split(path);
    const directory = await this.#directory(above, wallMs);
    const old = readEntries(await this.#read(directory)).find((entry) => sameName(entry.name, name));
    if (old && old.attributes & attribute.directory) throw new Error(`${path} is a directory`);
    const clusters = this.#allocate(Math.ceil(data.length / this.#at.clusterBytes), path);
    await this.#writeClusters(clusters, data);
    await this.#flush();
    const entry = {
      name: old?.name ?? name,
      attributes: attribute.archive,
      firstCluster: clusters[0] ?? 0,
      sizeBytes: data.length,
      wallMs,
    };
    try {
      if (old) await this.#rewriteSlot(directory, old, entry);
      else await this.#addEntry(directory, entry);
    } catch (error) {
      this.#free(entry.firstCluster);
      await this.#flush();
      throw error;
    }
    if (old) this.#free(old.firstCluster);
    await this.#flush();
  }

  async #find(path: string): Promise<DirectoryEntry | undefined> {
    const [above, name] = split(path);
    const directory = await this.#directory(above, undefined).catch(() => undefined);
    if (directory === undefined) return undefined;
    return readEntries(await this.#read(directory)).find((entry) => sameName(entry.name, name));
  }

  /** The first cluster of a directory; with a time, what is missing is made. */
  async #directory(path: string, makeAt: number | undefined): Promise<number> {
    let cluster = this.#at.rootCluster;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const found = readEntries(await this.#read(cluster)).find((entry) => sameName(entry.name, name));
      if (found && !(found.attributes & attribute.directory)) throw new Error(`${name} is a file, not a directory`);
      if (!found && makeAt === undefined) throw new Error(`there is no directory ${path}`);
      cluster = found ? found.firstCluster : await this.#makeDirectory(cluster, name, makeAt ?? 0);
    }
    return cluster;
  }

  async #makeDirectory(parent: number, name: string, wallMs: number): Promise<number> {
    const [cluster = 0] = this.#allocate(1, name);
    const content = Buffer.alloc(this.#at.clusterBytes);
    dotEntries(cluster, parent === this.#at.rootCluster ? 0 : parent, wallMs).copy(content);
    await this.#disk.write(content, this.#clusterAt(cluster));
    await this.#flush();
    await this.#addEntry(parent, { name, attributes: attribute.directory, firstCluster: cluster, sizeBytes: 0, wallMs });
    return cluster;
  }

  async #addEntry(directory: number, entry: Entry): Promise<void> {
    let content = await this.#read(directory);
    const slots = encodeEntry({ ...entry, taken: shortNames(content, readEntries(content)) });
    const wanted = slots.length / slotBytes;
    let slot = freeSlots(content, wanted);
    for (; slot < 0; slot = freeSlots(content, wanted)) {
      if (content.length + this.#at.clusterBytes > mostDirectoryBytes) throw new Error('the directory is full');
      await this.#extend(directory);
      content = await this.#read(directory);
    }
    await this.#writeWithin(directory, slots, slot * slotBytes);
  }

  async #rewriteSlot(directory: number, old: DirectoryEntry, entry: Entry): Promise<void> {
    const content = await this.#read(directory);
    const at = old.lastSlot * slotBytes;
    const made = encodeEntry({ ...entry, taken: new Set() });
    const slot = made.subarray(made.length - slotBytes);
    // Its name stays as it is.
    content.copy(slot, 0, at, at + 11);
    content.copy(slot, 12, at + 12, at + 13);
    await this.#writeWithin(directory, slot, at);
  }

  async #extend(directory: number): Promise<void> {
    const chain = this.#chain(directory);
    const [added = 0] = this.#allocate(1, 'the directory');
    await this.#disk.write(Buffer.alloc(this.#at.clusterBytes), this.#clusterAt(added));
    this.#set(chain.at(-1) ?? directory, added);
    await this.#flush();
  }

  /** Writes into a chain, at a byte of it. */
  async #writeWithin(first: number, data: Buffer, position: number): Promise<void> {
    const chain = this.#chain(first);
    const { clusterBytes } = this.#at;
    for (let done = 0; done < data.length; ) {
      const within = (position + done) % clusterBytes;
      const part = data.subarray(done, done + clusterBytes - within);
      const cluster = chain[Math.floor((position + done) / clusterBytes)];
      if (cluster === undefined) throw new Error('the directory is damaged');
      await this.#disk.write(part, this.#clusterAt(cluster) + within);
      done += part.length;
    }
  }

  async #writeClusters(clusters: readonly number[], data: Buffer): Promise<void> {
    const { clusterBytes } = this.#at;
    for (const { first, count, from } of runs(clusters)) {
      const bytes = data.subarray(from * clusterBytes, (from + count) * clusterBytes);
      const rest = count * clusterBytes - bytes.length;
      await this.#disk.write(rest > 0 ? Buffer.concat([bytes, Buffer.alloc(rest)]) : bytes, this.#clusterAt(first));
    }
  }

  async #read(first: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const { first: start, count } of runs(this.#chain(first)))
      parts.push(await readExactly(this.#disk, this.#clusterAt(start), count * this.#at.clusterBytes));
    return Buffer.concat(parts);
  }

  #chain(first: number): number[] {
    const chain: number[] = [];
    for (let cluster = first; cluster < endOfChain; cluster = this.#get(cluster)) {
      if (cluster < 2 || cluster >= this.#at.clusters + 2 || chain.length >= this.#at.clusters)
        throw new Error('the FAT32 file system of the boot partition is damaged: a chain of clusters leads nowhere');
      chain.push(cluster);
    }
    return chain;
  }

  #allocate(count: number, forWhat: string): number[] {
    const found: number[] = [];
    for (let seen = 0; seen < this.#at.clusters && found.length < count; seen++) {
      const cluster = 2 + ((this.#nextFree - 2 + seen) % this.#at.clusters);
      if (this.#get(cluster) === 0) found.push(cluster);
    }
    if (found.length < count) throw new Error(`the boot partition has no room for ${forWhat}`);
    for (const [index, cluster] of found.entries()) this.#set(cluster, found[index + 1] ?? lastCluster);
    this.#nextFree = (found.at(-1) ?? this.#nextFree - 1) + 1;
    return found;
  }

  #free(first: number): void {
    if (first < 2) return;
    for (const cluster of this.#chain(first)) {
      this.#set(cluster, 0);
      this.#nextFree = Math.min(this.#nextFree, cluster);
    }
  }

  #get(cluster: number): number {
    return this.#fat.readUInt32LE(cluster * 4) & lastCluster;
  }

  #set(cluster: number, value: number): void {
    const reserved = this.#fat.readUInt32LE(cluster * 4) & 0xf000_0000;
    this.#fat.writeUInt32LE((reserved | value) >>> 0, cluster * 4);
    this.#dirty.add(Math.floor((cluster * 4) / fatSectorBytes));
  }

  async #flush(): Promise<void> {
    const { fatAt, fatBytes, fatCopies, infoAt } = this.#at;
    const sectors = [...this.#dirty].sort((a, b) => a - b);
    for (const { first, count } of runs(sectors)) {
      const bytes = this.#fat.subarray(first * fatSectorBytes, (first + count) * fatSectorBytes);
      for (let copy = 0; copy < fatCopies; copy++) await this.#disk.write(bytes, fatAt + copy * fatBytes + first * fatSectorBytes);
    }
    if (sectors.length > 0 && infoAt !== undefined) await this.#disk.write(infoSector(this.#freeClusters(), this.#nextFree), infoAt);
    this.#dirty.clear();
    await this.#disk.sync();
  }

  #freeClusters(): number {
    let free = 0;
    for (let cluster = 2; cluster < this.#at.clusters + 2; cluster++) if (this.#get(cluster) === 0) free++;
    return free;
  }

  #clusterAt(cluster: number): number {
    return this.#at.dataAt + (cluster - 2) * this.#at.clusterBytes;
  }
}

function split(path: string): [string, string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The first of so many slots in a row that are free; -1 when there are none. */
function freeSlots(directory: Buffer, wanted: number): number {
  let run = 0;
  let ended = false;
  for (let slot = 0; slot * slotBytes < directory.length; slot++) {
    const first = directory[slot * slotBytes];
    // Behind the end mark everything is free, whatever stands there.
    ended ||= first === 0;
    run = ended || first === 0xe5 ? run + 1 : 0;
    if (run === wanted) return slot - wanted + 1;
  }
  return -1;
}

/** Numbers that follow one another, in one piece each. */
function runs(numbers: readonly number[]): { first: number; count: number; from: number }[] {
  const found: { first: number; count: number; from: number }[] = [];
  for (const [index, number] of numbers.entries()) {
    const last = found.at(-1);
    if (last && last.first + last.count === number) last.count++;
    else found.push({ first: number, count: 1, from: index });
  }
  return found;
}
