import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { decodeJson } from '#registry/decode/json-decode.ts';
import { type Field, type Message, messageOf } from './messages.ts';
import { ProtobufError, WireReader } from './wire-reader.ts';

/** Reads `application/vnd.kubernetes.protobuf` (apimachinery, runtime/serializer/protobuf): four bytes of magic, then an envelope
 * with apiVersion, kind and the message. Errors have the words of Kubernetes and of the code that is generated for Go. */

export const magic = Buffer.from('k8s\0');
/** More than the kinds have levels. */
const maxDepth = 64;

type Tree = Record<string, unknown>;

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** What a body says it is, without a look at the object in it. @throws ProtobufError */
export function readEnvelope(body: Buffer): Envelope {
  if (body.length === 0) throw new ProtobufError('empty data');
  if (!body.subarray(0, magic.length).equals(magic)) {
    throw new ProtobufError(`provided data does not appear to be a protobuf message, expected prefix [${[...magic].join(' ')}]`);
  }
  if (body.length === magic.length) throw new ProtobufError('empty body');
  const reader = new WireReader(body, magic.length);
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  while (!reader.done) {
    const { number, wire } = reader.tag('Unknown');
    if (number === 1) {
      const type = expect(reader, wire, 2, 'TypeMeta').part();
      while (!type.done) {
        const inner = type.tag('TypeMeta');
        if (inner.number === 1) apiVersion = expect(type, inner.wire, 2, 'APIVersion').text();
        else if (inner.number === 2) kind = expect(type, inner.wire, 2, 'Kind').text();
        else type.passOver(inner.wire);
      }
    } else if (number === 2) raw = expect(reader, wire, 2, 'Raw').bytes();
    else reader.passOver(wire);
  }
  return { apiVersion, kind, raw };
}

/** The object in an envelope as Go would write it in JSON; undefined for a kind that is not in the table. @throws ProtobufError */
export function decodeMessage({ apiVersion, kind, raw }: Envelope): Tree | undefined {
  const message = messageOf(apiVersion, kind);
  return message && { kind, apiVersion, ...readMessage(new WireReader(raw), message, {}, 0) };
}

/** Reads into a tree what stands in a message: what comes twice is merged, as the format has it. */
function readMessage(reader: WireReader, message: Message, tree: Tree, depth: number): Tree {
  if (depth > maxDepth) throw new ProtobufError('the message is nested too deeply');
  while (!reader.done) {
    const { number, wire } = reader.tag(message.name);
    const field = message.byNumber.get(number);
    if (!field) reader.passOver(wire);
    else if (field.shape === 'map') addEntry(tree, field, expect(reader, wire, 2, field.name).part(), depth);
    else if (field.shape === 'list') addItems(tree, field, reader, wire, depth);
    else if (field.name === '.') readMessage(expect(reader, wire, 2, field.name).part(), field.message(), tree, depth + 1);
    else {
      const value = readValue(reader, field, wire, tree[field.name], depth);
      if (value !== undefined && (field.pointer || !isZero(value))) tree[field.name] = value;
      else delete tree[field.name];
    }
  }
  return tree;
}

function addItems(tree: Tree, field: Field, reader: WireReader, wire: number, depth: number): void {
  tree[field.name] ??= [];
  const list = tree[field.name] as unknown[];
  const isPacked = wire === 2 && (field.type === 'int32' || field.type === 'int64');
  if (!isPacked) list.push(readValue(reader, field, wire, undefined, depth));
  else for (const packed = reader.part(); !packed.done; ) list.push(readValue(packed, field, 0, undefined, depth));
}

function addEntry(tree: Tree, field: Field, reader: WireReader, depth: number): void {
  let key = '';
  let value = emptyValue(field);
  while (!reader.done) {
    const { number, wire } = reader.tag(field.name);
    // Go does not look at the wire type here.
    if (number === 1) key = reader.text();
    else if (number === 2) value = readValue(reader, field, 2, undefined, depth);
    else reader.passOver(wire);
  }
  tree[field.name] ??= {};
  if (key !== '__proto__') (tree[field.name] as Tree)[key] = value;
}

function readValue(reader: WireReader, field: Field, wire: number, before: unknown, depth: number): unknown {
  switch (field.type) {
    case 'int32':
      return expect(reader, wire, 0, field.name).int32();
    case 'int64':
      return expect(reader, wire, 0, field.name).integer();
    case 'boolean':
      return expect(reader, wire, 0, field.name).boolean();
    case 'text':
      return expect(reader, wire, 2, field.name).text();
    case 'bytes':
      return expect(reader, wire, 2, field.name).bytes().toString('base64');
    default:
      return readPart(expect(reader, wire, 2, field.name).part(), field, before, depth);
  }
}

function readPart(reader: WireReader, field: Field, before: unknown, depth: number): unknown {
  switch (field.type) {
    case 'time':
    case 'microTime':
      return readTime(reader, field.type);
    case 'quantity':
      return readSmall(reader).texts.get(1) || '0';
    case 'intOrText': {
      const { texts, numbers } = readSmall(reader);
      return numbers.get(1) ? (texts.get(3) ?? '') : Number(BigInt.asIntN(32, BigInt(numbers.get(2) ?? 0)));
    }
    case 'json':
    case 'raw': {
      const json = readSmall(reader).texts.get(1);
      return json ? decodeJson(json).value : undefined;
    }
    case 'texts':
      return readTexts(reader);
    default:
      return readMessage(reader, field.message(), isTree(before) ? before : {}, depth + 1);
  }
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;

/** A small message whose fields are text or integers. */
function readSmall(reader: WireReader): { texts: Map<number, string>; numbers: Map<number, number | bigint> } {
  const texts = new Map<number, string>();
  const numbers = new Map<number, number | bigint>();
  while (!reader.done) {
    const { number, wire } = reader.tag('');
    if (wire === 2) texts.set(number, reader.text());
    else if (wire === 0) numbers.set(number, reader.integer());
    else reader.passOver(wire);
  }
  return { texts, numbers };
}

function readTexts(reader: WireReader): string[] {
  const texts: string[] = [];
  while (!reader.done) {
    const { number, wire } = reader.tag('');
    if (number === 1) texts.push(expect(reader, wire, 2, 'Items').text());
    else reader.passOver(wire);
  }
  return texts;
}

/** Undefined for Go's zero time, which is an empty message. */
function readTime(reader: WireReader, type: 'time' | 'microTime'): string | undefined {
  if (reader.done) return undefined;
  const { numbers } = readSmall(reader);
  const seconds = Number(numbers.get(1) ?? 0);
  const nanos = Number(numbers.get(2) ?? 0);
  // The years 0 to 9999: others have no form in JSON.
  if (seconds < -62_167_219_200 || seconds > 253_402_300_799 || nanos < 0 || nanos >= 1e9)
    throw new ProtobufError('a time is out of range');
  const whole = kubeTime(seconds * 1000);
  return type === 'time' ? whole : `${whole.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function expect(reader: WireReader, wire: number, wanted: number, name: string): WireReader {
  if (wire !== wanted) throw new ProtobufError(`proto: wrong wireType = ${wire} for field ${goName(name)}`);
  return reader;
}

/** Nearly always: abbreviations are in capitals in Go. */
const goName = (name: string): string => (name === 'metadata' ? 'ObjectMeta' : capital(name));
const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

/** What an entry of a map has when its value is left out. */
function emptyValue(field: Field): unknown {
  if (field.type === 'quantity') return '0';
  return field.type === 'message' ? {} : field.type === 'texts' ? [] : '';
}

/** Go writes fields that are not pointers also when they say nothing; JSON leaves them out. */
function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
