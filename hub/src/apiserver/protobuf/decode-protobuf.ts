import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { type Field, type Message, messageNamed } from './messages.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Reads an object in the form `application/vnd.kubernetes.protobuf`, which kubectl's typed commands send since 1.32 (apimachinery,
 * runtime/serializer/protobuf): four bytes of magic, then an envelope with apiVersion, kind and the message.
 */

const magic = Buffer.from('k8s\0');
const maxDepth = 64;

type Tree = Record<string, unknown>;

/** @throws StatusError BadRequest for what cannot be read or is of a kind that is not known */
export function decodeProtobuf(body: Buffer): KubeObject {
  if (!body.subarray(0, magic.length).equals(magic)) throw badRequest('the body does not begin as Kubernetes protobuf does');
  try {
    const { apiVersion, kind, raw } = readEnvelope(body.subarray(magic.length));
    const message = messageNamed(`${groupOf(apiVersion)}.${kind}`) ?? messageNamed(`meta.${kind}`);
    if (!message)
      throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf; send JSON`);
    return { kind, apiVersion, ...readMessage(raw, message, 0) };
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && error.constructor === Error)) {
      throw badRequest(`the protobuf body cannot be read: ${error.message}`);
    }
    throw error;
  }
}

/** The first label of the group, `core` for none: `authentication` of `authentication.k8s.io/v1`. */
function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? 'core' : (apiVersion.slice(0, slash).split('.', 1)[0] ?? '');
}

function readEnvelope(bytes: Buffer): { apiVersion: string; kind: string; raw: Buffer } {
  const envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) };
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === 2) {
      const type = new WireReader(reader.bytes());
      while (!type.done) {
        const inner = type.tag();
        if (inner.number === 1 && inner.wire === 2) envelope.apiVersion = text(type.bytes());
        else if (inner.number === 2 && inner.wire === 2) envelope.kind = text(type.bytes());
        else type.passOver(inner.wire);
      }
    } else if (number === 2 && wire === 2) envelope.raw = Buffer.from(reader.bytes());
    else if ((number === 3 || number === 4) && wire === 2) {
      if (reader.bytes().length > 0) throw badRequest('encoded protobuf bodies are not supported');
    } else reader.passOver(wire);
  }
  return envelope;
}

function readMessage(bytes: Buffer, message: Message, depth: number): Tree {
  if (depth > maxDepth) throw new Error('it is nested too deeply');
  const reader = new WireReader(bytes);
  const tree: Tree = {};
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const field = message.get(number);
    if (!field) reader.passOver(wire);
    else if (field.shape === 'map') addEntry(tree, field, reader.bytes(), depth);
    else {
      const value = readValue(reader, field, wire, depth);
      if (field.name === '.') Object.assign(tree, value);
      else if (field.shape === 'list') appendTo(tree, field.name, value);
      else if (field.pointer || !isZero(value)) tree[field.name] = value;
    }
  }
  return tree;
}

function appendTo(tree: Tree, name: string, value: unknown): void {
  const list = tree[name];
  if (Array.isArray(list)) list.push(value);
  else tree[name] = [value];
}

function addEntry(tree: Tree, field: Field, bytes: Buffer, depth: number): void {
  const reader = new WireReader(bytes);
  let key = '';
  let value = emptyValue(field);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === 2) key = text(reader.bytes());
    else if (number === 2) value = readValue(reader, field, wire, depth);
    else reader.passOver(wire);
  }
  tree[field.name] ??= {};
  if (key !== '__proto__') (tree[field.name] as Tree)[key] = value;
}

function readValue(reader: WireReader, field: Field, wire: number, depth: number): unknown {
  switch (field.type) {
    case 'integer':
      return integer(expect(reader, wire, 0).varint());
    case 'boolean':
      return expect(reader, wire, 0).varint() !== 0n;
    case 'double':
      return expect(reader, wire, 1).double();
    default:
      return readBytes(expect(reader, wire, 2).bytes(), field, depth);
  }
}

function readBytes(bytes: Buffer, field: Field, depth: number): unknown {
  switch (field.type) {
    case 'text':
      return text(bytes);
    case 'bytes':
      return bytes.toString('base64');
    case 'time':
    case 'microTime':
      return readTime(bytes, field.type);
    case 'quantity':
      return readFields(bytes).get(1)?.text ?? '0';
    case 'intOrText': {
      const fields = readFields(bytes);
      return fields.get(1)?.number ? (fields.get(3)?.text ?? '') : (fields.get(2)?.number ?? 0);
    }
    case 'json':
    case 'raw': {
      const json = readFields(bytes).get(1)?.text;
      return json ? JSON.parse(json) : {};
    }
    case 'texts':
      return readTexts(bytes);
    default: {
      const message = messageNamed(field.message);
      if (!message) throw new Error(`the message ${field.message} is not known`);
      return readMessage(bytes, message, depth + 1);
    }
  }
}

/** A small message whose fields are text or integers. */
function readFields(bytes: Buffer): Map<number, { text?: string; number?: number }> {
  const fields = new Map<number, { text?: string; number?: number }>();
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (wire === 2) fields.set(number, { text: text(reader.bytes()) });
    else if (wire === 0) fields.set(number, { number: Number(BigInt.asIntN(64, reader.varint())) });
    else reader.passOver(wire);
  }
  return fields;
}

function readTexts(bytes: Buffer): string[] {
  const reader = new WireReader(bytes);
  const texts: string[] = [];
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === 2) texts.push(text(reader.bytes()));
    else reader.passOver(wire);
  }
  return texts;
}

/** Undefined for Go's zero time, which is an empty message. */
function readTime(bytes: Buffer, type: 'time' | 'microTime'): string | undefined {
  if (bytes.length === 0) return undefined;
  const fields = readFields(bytes);
  const seconds = fields.get(1)?.number ?? 0;
  const nanos = fields.get(2)?.number ?? 0;
  if (Math.abs(seconds) > 253_402_300_799) throw new Error('a time is out of range');
  const whole = kubeTime(seconds * 1000);
  return type === 'time' ? whole : `${whole.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function integer(value: bigint): number | bigint {
  const signed = BigInt.asIntN(64, value);
  return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new Error('a text is not UTF-8', { cause: error });
  }
}

function expect(reader: WireReader, wire: number, wanted: number): WireReader {
  if (wire !== wanted) throw new Error(`a field has wire type ${wire} where ${wanted} belongs`);
  return reader;
}

/** What an entry of a map has when its value is left out. */
function emptyValue(field: Field): unknown {
  if (field.type === 'integer') return 0;
  if (field.type === 'boolean') return false;
  return field.type === 'message' ? {} : field.type === 'texts' ? [] : '';
}

/** Go writes fields that are not pointers also when they say nothing; JSON leaves them out. */
function isZero(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
