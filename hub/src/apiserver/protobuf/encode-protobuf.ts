import { encodeJson } from '#registry/decode/json-encode.ts';
import { magic } from './decode-protobuf.ts';
import { type Field, type Message, messageOf } from './messages.ts';
import { WireWriter } from './wire-writer.ts';

/** Writes objects as `application/vnd.kubernetes.protobuf`, byte for byte as Kubernetes does. */

type Tree = Readonly<Record<string, unknown>>;
const nothing: Tree = {};

/** An object in its envelope; undefined for a kind that is not in the table. The object is one of its schema. */
export function encodeProtobuf(object: Tree): Buffer | undefined {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const message = messageOf(apiVersion, kind);
  if (!message) return undefined;
  const writer = beginEnvelope();
  writeMessage(writer, message, object);
  return endEnvelope(writer, apiVersion, kind);
}

/** One event of a watch: its length in four bytes, its type, and the object in an envelope. */
export function encodeFrame(type: string, object: Buffer): Buffer {
  const writer = new WireWriter();
  const mark = writer.length;
  writer.raw(object);
  writer.closePart(1, mark);
  writer.closePart(2, mark);
  const name = writer.length;
  writer.text(type);
  writer.closePart(1, name);
  const event = writer.finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

function beginEnvelope(): WireWriter {
  const writer = new WireWriter();
  // Encoding and content type: always written, always empty.
  for (const number of [4, 3]) writer.closePart(number, writer.length);
  return writer;
}

const trailerBytes = 4;

function endEnvelope(writer: WireWriter, apiVersion: string, kind: string): Buffer {
  writer.closePart(2, trailerBytes);
  const type = writer.length;
  for (const [number, value] of [
    [2, kind],
    [1, apiVersion],
  ] as const) {
    const mark = writer.length;
    writer.text(value);
    writer.closePart(number, mark);
  }
  writer.closePart(1, type);
  writer.raw(magic);
  return writer.finish();
}

function writeMessage(writer: WireWriter, message: Message, tree: Tree): void {
  for (const field of message.backwards) {
    if (field.name === '.') writeInlined(writer, field, tree);
    else if (field.shape === 'one') writeOne(writer, field, tree[field.name]);
    else if (field.shape === 'list') writeList(writer, field, tree[field.name]);
    else writeMap(writer, field, tree[field.name]);
  }
}

function writeInlined(writer: WireWriter, field: Field, tree: Tree): void {
  const mark = writer.length;
  writeMessage(writer, field.message(), tree);
  writer.closePart(field.number, mark);
}

function writeOne(writer: WireWriter, field: Field, value: unknown): void {
  if ((value === undefined || value === null) && (field.pointer || field.type === 'bytes')) return;
  writeField(writer, field, field.number, value);
}

function writeList(writer: WireWriter, field: Field, value: unknown): void {
  if (!Array.isArray(value)) return;
  for (let index = value.length - 1; index >= 0; index--) writeField(writer, field, field.number, value[index]);
}

/** Entries in the order of their keys, as Go writes them. */
function writeMap(writer: WireWriter, field: Field, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const keys = Object.keys(value);
  if (keys.length > 1) keys.sort();
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index] ?? '';
    const mark = writer.length;
    writeField(writer, field, 2, (value as Tree)[key]);
    const name = writer.length;
    writer.text(key);
    writer.closePart(1, name);
    writer.closePart(field.number, mark);
  }
}

function writeField(writer: WireWriter, field: Field, number: number, value: unknown): void {
  switch (field.type) {
    case 'int32':
    case 'int64':
      writer.varint((value ?? 0) as number | bigint);
      writer.tag(number, 0);
      break;
    case 'boolean':
      writer.boolean(value === true);
      writer.tag(number, 0);
      break;
    default: {
      const mark = writer.length;
      writeContent(writer, field, value);
      writer.closePart(number, mark);
    }
  }
}

function writeContent(writer: WireWriter, field: Field, value: unknown): void {
  switch (field.type) {
    case 'text':
      writer.text((value ?? '') as string);
      break;
    case 'bytes':
      writer.raw(Buffer.from((value ?? '') as string, 'base64'));
      break;
    case 'time':
    case 'microTime':
      if (typeof value === 'string') writeTime(writer, value);
      break;
    case 'quantity':
      writeText(writer, 1, String(value ?? '0'));
      break;
    case 'intOrText':
      writeIntOrText(writer, value);
      break;
    case 'json':
    case 'raw':
      if (value !== undefined) writeText(writer, 1, encodeJson(value));
      break;
    case 'texts':
      for (const item of [...((value ?? []) as string[])].reverse()) writeText(writer, 1, item);
      break;
    default:
      writeMessage(writer, field.message(), (value ?? nothing) as Tree);
  }
}

function writeText(writer: WireWriter, number: number, value: string): void {
  const mark = writer.length;
  writer.text(value);
  writer.closePart(number, mark);
}

function writeIntOrText(writer: WireWriter, value: unknown): void {
  writeText(writer, 3, typeof value === 'string' ? value : '');
  writer.varint(typeof value === 'number' ? value : 0);
  writer.tag(2, 0);
  writer.varint(typeof value === 'string' ? 1 : 0);
  writer.tag(1, 0);
}

function writeTime(writer: WireWriter, value: string): void {
  const fraction = /\.(\d+)/.exec(value)?.[1] ?? '';
  writer.varint(Number(fraction.padEnd(9, '0').slice(0, 9)));
  writer.tag(2, 0);
  writer.varint(Math.floor(Date.parse(value) / 1000));
  writer.tag(1, 0);
}
