// How a board finds the address of its hub on a local network: one question and one answer of multicast DNS (RFC 6762, 6763), as a
// one-shot resolver asks it (RFC 6762 §5.1). Nothing here is trusted: whatever is found must still show the pinned authority.

export const mdnsGroup = { address: '224.0.0.251', port: 5353 } as const;
const service = ['_flotilla', '_tcp', 'local'];
const serviceName = service.join('.');

const maxPacketBytes = 1500;
const maxRecords = 32;
/** Of what one packet names. */
const maxHubs = 8;
const headerBytes = 12;
const responseFlags = 0x8400;
const lifetimeSeconds = 10;
const internet = 1;
const types = { a: 1, ptr: 12, srv: 33, any: 255 } as const;

export interface FoundHub {
  readonly host: string;
  readonly port: number;
}

/** Asks who is a hub here. @param id 0 to 65535: the answer has it too */
export function mdnsQuestion(id: number): Buffer {
  return Buffer.concat([header(id, 0, 1, 0), question]);
}

/** Answers a question of `mdnsQuestion`'s kind; undefined when this is none. @param hub its IPv4 address and the port of its API */
export function mdnsAnswer(packet: Buffer, { host, port }: FoundHub): Buffer | undefined {
  const message = parse(packet);
  if (!message || message.isResponse || message.opcode !== 0) return undefined;
  const asked = message.questions.some(({ name, type }) => name === serviceName && (type === types.ptr || type === types.any));
  if (!asked) return undefined;
  const instance = ['hub', ...service];
  const target = [`flotilla-hub-${host.replaceAll('.', '-')}`, 'local'];
  const srv = Buffer.alloc(6);
  srv.writeUInt16BE(port, 4);
  return Buffer.concat([
    header(message.id, responseFlags, 1, 3),
    question,
    record(service, types.ptr, nameBytes(instance)),
    record(instance, types.srv, Buffer.concat([srv, nameBytes(target)])),
    record(target, types.a, Buffer.from(host.split('.').map(Number))),
  ]);
}

/** The hubs that a packet names in answer to the question with this id; empty for everything else, whatever it holds. */
export function hubsInAnswer(packet: Buffer, id: number): FoundHub[] {
  const message = parse(packet);
  if (!message?.isResponse || message.id !== id) return [];
  const { records } = message;
  const named = (type: number, name: string | undefined): Resource[] => records.filter((one) => one.type === type && one.name === name);
  const found = named(types.ptr, serviceName).flatMap(({ target }) =>
    named(types.srv, target).flatMap(({ target: host, port = 0 }) =>
      named(types.a, host).flatMap(({ address }) => (address !== undefined && port > 0 ? [{ host: address, port }] : [])),
    ),
  );
  // Records that are there twice multiply.
  return [...new Map(found.slice(0, maxRecords).map((hub) => [`${hub.host}:${hub.port}`, hub])).values()].slice(0, maxHubs);
}

interface Resource {
  readonly name: string;
  readonly type: number;
  /** Of a PTR or SRV. */
  readonly target?: string;
  readonly port?: number;
  /** Of an A. */
  readonly address?: string;
}

interface Message {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly questions: readonly { readonly name: string; readonly type: number }[];
  readonly records: readonly Resource[];
}

/** Undefined for what is no message, or larger than one of ours can be. */
function parse(packet: Buffer): Message | undefined {
  if (packet.length < headerBytes || packet.length > maxPacketBytes) return undefined;
  const word = (at: number): number => packet.readUInt16BE(at);
  const [questionCount, recordCount] = [word(4), word(6) + word(8) + word(10)];
  if (questionCount + recordCount > maxRecords) return undefined;
  let at = headerBytes;
  try {
    const questions = Array.from({ length: questionCount }, () => {
      const { name, end } = readName(packet, at);
      at = end + 4;
      if (at > packet.length) throw new RangeError('the question goes on behind the packet');
      return { name, type: word(end) };
    });
    const records = Array.from({ length: recordCount }, () => {
      const { name, end } = readName(packet, at);
      const type = word(end);
      const from = end + 10;
      at = from + word(end + 8);
      if (at > packet.length) throw new RangeError('the record goes on behind the packet');
      return { name, type, ...dataOf(packet, type, from, at) };
    });
    return { id: word(0), isResponse: (word(2) & 0x8000) !== 0, opcode: (word(2) >> 11) & 15, questions, records };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function dataOf(packet: Buffer, type: number, from: number, end: number): Partial<Resource> {
  if (type === types.ptr) return { target: readName(packet, from).name };
  if (type === types.srv) return { port: packet.readUInt16BE(from + 4), target: readName(packet, from + 6).name };
  if (type === types.a && end - from === 4) return { address: [...packet.subarray(from, end)].join('.') };
  return {};
}

/** A name, in lower case, and where what follows it begins. A pointer leads before where the name began: none goes in a circle. @throws RangeError */
function readName(packet: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let [at, before, length, end] = [start, start, 0, -1];
  for (;;) {
    const size = packet.readUInt8(at);
    if (size >= 0xc0) {
      if (end < 0) end = at + 2;
      at = packet.readUInt16BE(at) & 0x3fff;
      if (at >= before) throw new RangeError('the name points at itself');
      before = at;
      continue;
    }
    at += 1;
    if (size === 0) return { name: labels.join('.'), end: end < 0 ? at : end };
    length += size + 1;
    if (size > 63 || length > 254 || at + size > packet.length) throw new RangeError('the name is too long');
    labels.push(packet.toString('latin1', at, at + size).toLowerCase());
    at += size;
  }
}

function nameBytes(labels: readonly string[]): Buffer {
  return Buffer.concat([...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')), Buffer.alloc(1)]);
}

/** The answer may come to the asker alone. */
const question = Buffer.concat([nameBytes(service), words(types.ptr, 0x8000 | internet)]);

function header(id: number, flags: number, questions: number, answers: number): Buffer {
  return words(id, flags, questions, answers, 0, 0);
}

function record(name: readonly string[], type: number, data: Buffer): Buffer {
  return Buffer.concat([nameBytes(name), words(type, internet, 0, lifetimeSeconds, data.length), data]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
