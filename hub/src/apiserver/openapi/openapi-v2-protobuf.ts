import { stringify } from 'yaml';
import type { Json } from './definitions.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/**
 * An OpenAPI 2.0 document as the protobuf message `openapi.v2.Document` (field numbers from gnostic's OpenAPIv2.proto): the only form
 * in which kubectl up to 1.26 takes it.
 */
export function encodeOpenApiV2Protobuf(document: Json): Buffer {
  const info = object(document['info']);
  return new ProtobufWriter()
    .string(1, document['swagger'])
    .message(2, new ProtobufWriter().string(1, info['title']).string(2, info['version']))
    .message(8, named(2, object(document['paths']), pathItem))
    .message(9, named(1, object(document['definitions']), schema))
    .finish();
}

const object = (value: unknown): Json => (value ?? {}) as Json;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A message whose repeated `field` holds pairs of name (1) and value (2). */
function named(field: number, entries: Json, encode: (value: Json) => ProtobufWriter): ProtobufWriter {
  const out = new ProtobufWriter();
  for (const [name, value] of Object.entries(entries))
    out.message(field, new ProtobufWriter().string(1, name).message(2, encode(object(value))));
  return out;
}

const methods: readonly (readonly [string, number])[] = [
  ['get', 2],
  ['put', 3],
  ['post', 4],
  ['delete', 5],
  ['patch', 8],
];

function pathItem(item: Json): ProtobufWriter {
  const out = new ProtobufWriter();
  for (const [method, field] of methods) if (item[method]) out.message(field, operation(object(item[method])));
  for (const one of list(item['parameters'])) out.message(9, parameter(object(one)));
  return out;
}

function operation(op: Json): ProtobufWriter {
  const out = new ProtobufWriter();
  for (const tag of list(op['tags'])) out.string(1, tag);
  out.string(3, op['description']).string(5, op['operationId']);
  for (const type of list(op['produces'])) out.string(6, type);
  for (const type of list(op['consumes'])) out.string(7, type);
  for (const one of list(op['parameters'])) out.message(8, parameter(object(one)));
  out.message(9, named(1, object(op['responses']), response));
  for (const scheme of list(op['schemes'])) out.string(10, scheme);
  return vendorExtensions(out, 13, op);
}

function response(value: Json): ProtobufWriter {
  const inner = new ProtobufWriter().string(1, value['description']);
  if (value['schema']) inner.message(2, new ProtobufWriter().message(1, schema(object(value['schema']))));
  return new ProtobufWriter().message(1, inner);
}

function parameter(value: Json): ProtobufWriter {
  const inner = new ProtobufWriter();
  if (value['in'] === 'body') {
    const body = new ProtobufWriter().string(1, value['description']).string(2, value['name']).string(3, 'body').bool(4, value['required']);
    inner.message(1, body.message(5, schema(object(value['schema']))));
  } else {
    const isQuery = value['in'] === 'query';
    const plain = new ProtobufWriter()
      .bool(1, value['required'])
      .string(2, value['in'])
      .string(3, value['description'])
      .string(4, value['name']);
    plain.string(isQuery ? 6 : 5, value['type']);
    inner.message(2, new ProtobufWriter().message(isQuery ? 3 : 4, plain));
  }
  return new ProtobufWriter().message(1, inner);
}

function schema(value: Json): ProtobufWriter {
  const out = new ProtobufWriter().string(1, value['$ref']).string(2, value['format']).string(4, value['description']);
  for (const field of list(value['required'])) out.string(19, field);
  if (value['additionalProperties']) out.message(21, new ProtobufWriter().message(1, schema(object(value['additionalProperties']))));
  if (value['type']) out.message(22, new ProtobufWriter().string(1, value['type']));
  if (value['items']) out.message(23, new ProtobufWriter().message(1, schema(object(value['items']))));
  if (value['properties']) out.message(25, named(1, object(value['properties']), schema));
  return vendorExtensions(out, 31, value);
}

/** `x-…` fields; their values travel as YAML. */
function vendorExtensions(out: ProtobufWriter, field: number, value: Json): ProtobufWriter {
  for (const [name, extension] of Object.entries(value)) {
    if (name.startsWith('x-'))
      out.message(field, new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().string(2, stringify(extension))));
  }
  return out;
}
