/** Directory entries of FAT with long names (Microsoft's FAT specification of 2005, sections 6 and 7). */
export const slotBytes = 32;
const unitsPerSlot = 13;
const longestName = 255;

export const attribute = { readOnly: 0x01, volume: 0x08, directory: 0x10, archive: 0x20, long: 0x0f } as const;

export interface DirectoryEntry {
  readonly name: string;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  /** Its slots in the directory: those of the long name, then its own. */
  readonly firstSlot: number;
  readonly lastSlot: number;
}

/** The files and directories in a directory's bytes; the volume's name and deleted ones are left out. */
export function readEntries(directory: Buffer): DirectoryEntry[] {
  const found: DirectoryEntry[] = [];
  let long: { text: string; first: number; sum: number } | undefined;
  for (let slot = 0; (slot + 1) * slotBytes <= directory.length; slot++) {
    const bytes = directory.subarray(slot * slotBytes, (slot + 1) * slotBytes);
    const [first = 0, attributes = 0] = [bytes[0], bytes[11]];
    if (first === 0) break;
    if (first === 0xe5) long = undefined;
    else if ((attributes & 0x3f) === attribute.long) {
      const part = longPart(bytes);
      long = first & 0x40 ? { text: part, first: slot, sum: bytes[13] ?? 0 } : long && { ...long, text: part + long.text };
    } else {
      if (!(attributes & attribute.volume)) {
        const own = long && long.sum === checksum(bytes) ? long : undefined;
        found.push({
          name: own ? own.text.replace(/\0.*$/s, '') : shortText(bytes),
          attributes,
          firstCluster: (bytes.readUInt16LE(20) << 16) | bytes.readUInt16LE(26),
          sizeBytes: bytes.readUInt32LE(28),
          firstSlot: own ? own.first : slot,
          lastSlot: slot,
        });
      }
      long = undefined;
    }
  }
  return found;
}

export interface NewEntry {
  readonly name: string;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  readonly wallMs: number;
  /** Short names that are there already, eleven characters each. */
  readonly taken: ReadonlySet<string>;
}

/** The slots of a new file or directory. @throws Error for a name that FAT cannot hold */
export function encodeEntry({ name, attributes, firstCluster, sizeBytes, wallMs, taken }: NewEntry): Buffer {
  if (name.length > longestName || /[\u0000-\u001f"*/:<>?\\|]/.test(name) || /^[. ]|[. ]$/.test(name) || name === '')
    throw new Error(`${JSON.stringify(name)} is no name on a FAT file system`);
  const exact = exactShort(name);
  const short = exact ?? inventedShort(name, taken);
  const own = ownSlot({ short, attributes, firstCluster, sizeBytes, wallMs });
  return exact ? own : Buffer.concat([...longSlots(name, checksum(own)), own]);
}

/** `.` and `..`, the first two slots of every directory but the root. */
export function dotEntries(cluster: number, parent: number, wallMs: number): Buffer {
  const slot = (short: string, firstCluster: number): Buffer =>
    ownSlot({ short: short.padEnd(11), attributes: attribute.directory, firstCluster, sizeBytes: 0, wallMs });
  return Buffer.concat([slot('.', cluster), slot('..', parent)]);
}

export function volumeEntry(label: string, wallMs: number): Buffer {
  return ownSlot({ short: label.padEnd(11), attributes: attribute.volume, firstCluster: 0, sizeBytes: 0, wallMs });
}

/** The eleven characters of the short names in a directory. */
export function shortNames(directory: Buffer, entries: readonly DirectoryEntry[]): Set<string> {
  return new Set(entries.map(({ lastSlot }) => directory.toString('latin1', lastSlot * slotBytes, lastSlot * slotBytes + 11)));
}

interface OwnSlot {
  readonly short: string;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  readonly wallMs: number;
}

function ownSlot({ short, attributes, firstCluster, sizeBytes, wallMs }: OwnSlot): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  bytes.write(short, 0, 11, 'latin1');
  bytes[11] = attributes;
  const date = new Date(Math.max(wallMs, Date.UTC(1980, 0, 1)));
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  for (const [at, value] of [
    [14, time],
    [16, day],
    [18, day],
    [22, time],
    [24, day],
  ] as const)
    bytes.writeUInt16LE(value, at);
  bytes.writeUInt16LE(firstCluster >>> 16, 20);
  bytes.writeUInt16LE(firstCluster & 0xffff, 26);
  bytes.writeUInt32LE(sizeBytes, 28);
  return bytes;
}

/** The short name that says it all; undefined when a long one is needed. */
function exactShort(name: string): string | undefined {
  const match = /^([A-Z0-9_$~!#%&'()@^`{}-]{1,8})(?:\.([A-Z0-9_$~!#%&'()@^`{}-]{1,3}))?$/.exec(name);
  return match ? (match[1] ?? '').padEnd(8) + (match[2] ?? '').padEnd(3) : undefined;
}

function inventedShort(name: string, taken: ReadonlySet<string>): string {
  const clean = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9_-]/g, '_');
  const dot = name.lastIndexOf('.');
  const [base, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot + 1)] : [name, ''];
  const simple = clean(base.replaceAll('.', ''));
  const tail = clean(extension).slice(0, 3).padEnd(3);
  // A name that differs from its short one in case alone keeps it.
  const plain = base.length <= 8 && extension.length <= 3 && simple === base.toUpperCase() ? simple.padEnd(8) + tail : undefined;
  if (plain && !taken.has(plain)) return plain;
  for (let number = 1; number < 100_000; number++) {
    const short = `${simple.slice(0, 7 - String(number).length)}~${number}`.padEnd(8) + tail;
    if (!taken.has(short)) return short;
  }
  throw new Error(`there are too many files with names like ${JSON.stringify(name)}`);
}

const unitPlaces = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

function longSlots(name: string, sum: number): Buffer[] {
  const count = Math.ceil(name.length / unitsPerSlot);
  return Array.from({ length: count }, (_, index) => {
    const order = count - index;
    const bytes = Buffer.alloc(slotBytes);
    bytes[0] = order | (index === 0 ? 0x40 : 0);
    bytes[11] = attribute.long;
    bytes[13] = sum;
    for (const [unit, place] of unitPlaces.entries()) {
      const at = (order - 1) * unitsPerSlot + unit;
      bytes.writeUInt16LE(at < name.length ? name.charCodeAt(at) : at === name.length ? 0 : 0xffff, place);
    }
    return bytes;
  });
}

function longPart(bytes: Buffer): string {
  return String.fromCharCode(...unitPlaces.map((place) => bytes.readUInt16LE(place)));
}

function shortText(bytes: Buffer): string {
  const lower = bytes[12] ?? 0;
  const part = (from: number, to: number, mask: number): string => {
    const text = bytes.toString('latin1', from, to).trimEnd();
    return lower & mask ? text.toLowerCase() : text;
  };
  const [base, extension] = [part(0, 8, 0x08), part(8, 11, 0x10)];
  return extension === '' ? base : `${base}.${extension}`;
}

function checksum(slot: Buffer): number {
  let sum = 0;
  for (const byte of slot.subarray(0, 11)) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}
