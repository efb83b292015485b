import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { definitions } from '#registry/definitions.ts';
import { decodeMessage, readEnvelope } from './decode-protobuf.ts';
import { fieldNumbers } from './field-numbers.ts';
import { messageNamed, messageOf } from './messages.ts';
import { ProtobufError } from './wire-reader.ts';

const decode = (body: Buffer): unknown => decodeMessage(readEnvelope(body));

/** A field of wire type 2. */
function part(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}
function integer(number: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([number << 3]), varint(value)]);
}
function envelope(apiVersion: string, kind: string, ...parts: Buffer[]): Buffer {
  const type = Buffer.concat([part(1, apiVersion), part(2, kind)]);
  return Buffer.concat([Buffer.from('k8s\0'), part(1, type), part(2, Buffer.concat(parts)), part(3, ''), part(4, '')]);
}

test('reads maps, lists, times, inlined and empty fields as Go would write them in JSON', () => {
  const entry = (key: string, value: string): Buffer => Buffer.concat([part(1, key), part(2, value)]);
  const metadata = Buffer.concat([part(1, 'a'), part(3, ''), part(8, ''), part(11, entry('k', 'v')), part(11, entry('empty', ''))]);
  const emptyDir = Buffer.concat([part(1, 'scratch'), part(2, part(2, ''))]);
  const container = Buffer.concat([part(1, 'c'), part(2, 'image'), part(3, 'sh'), part(3, '-c')]);
  const spec = Buffer.concat([part(1, emptyDir), part(2, container), integer(4, 0), integer(11, 0)]);
  expect(decode(envelope('v1', 'Pod', part(1, metadata), part(2, spec), part(3, '')))).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', labels: { k: 'v', empty: '' } },
    spec: {
      volumes: [{ name: 'scratch', emptyDir: {} }],
      containers: [{ name: 'c', image: 'image', command: ['sh', '-c'] }],
      // A pointer: zero says something. hostNetwork (11) is none.
      terminationGracePeriodSeconds: 0,
    },
  });
});

test('reads integer-or-text, byte maps and negative numbers', () => {
  const rolling = Buffer.concat([part(1, Buffer.concat([integer(1, 1), integer(2, 0), part(3, '25%')])), part(2, integer(2, 1))]);
  const spec = Buffer.concat([integer(1, 3), part(4, Buffer.concat([part(1, 'RollingUpdate'), part(2, rolling)]))]);
  expect(decode(envelope('apps/v1', 'Deployment', part(2, spec)))).toMatchObject({
    spec: { replicas: 3, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: 1 } } },
  });
  const data = part(2, Buffer.concat([part(1, 'k'), part(2, Buffer.from([0, 255]))]));
  expect(decode(envelope('v1', 'Secret', data))).toMatchObject({ data: { k: 'AP8=' } });
});

test('what comes twice is merged, and integers may stand in one part', () => {
  const groups = (...numbers: number[]): Buffer => part(4, Buffer.concat(numbers.map(varint)));
  const security = (...parts: Buffer[]): Buffer => part(2, part(14, Buffer.concat(parts)));
  const read = decode(
    envelope('v1', 'Pod', security(groups(1, 300)), security(integer(4, 5), integer(2, 0)), part(1, part(1, 'a')), part(1, part(1, ''))),
  );
  expect(read).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    spec: { securityContext: { supplementalGroups: [1, 300, 5], runAsUser: 0 } },
  });
});

test('a key that would change a prototype is never made', () => {
  const entry = part(2, Buffer.concat([part(1, '__proto__'), part(2, 'x')]));
  expect(decode(envelope('v1', 'ConfigMap', entry))).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', data: {} });
  const fields = part(7, part(1, '{"__proto__":{"a":1},"f:data":{}}'));
  const managed = decode(envelope('v1', 'ConfigMap', part(1, part(17, fields)))) as { metadata: { managedFields: { fieldsV1: object }[] } };
  expect(Object.getPrototypeOf(managed.metadata.managedFields[0]?.fieldsV1)).toBe(Object.prototype);
});

test('options of a deletion are found whatever their version says', () => {
  expect(decode(envelope('apps/v1', 'DeleteOptions', integer(1, 0), part(4, 'Background')))).toMatchObject({
    gracePeriodSeconds: 0,
    propagationPolicy: 'Background',
  });
});

test('a kind that is not in the table is no object', () => {
  expect(decode(envelope('v1', 'Nothing'))).toBeUndefined();
  expect(decode(envelope('v2', 'ConfigMap'))).toBeUndefined();
});

test.each([
  ['no magic', Buffer.from('{}')],
  ['nothing behind the magic', Buffer.from('k8s\0')],
  ['a cut message', envelope('v1', 'ConfigMap', Buffer.from([0x0a, 0x7f, 1]))],
  ['a wrong wire type', envelope('v1', 'ConfigMap', integer(1, 5))],
  ['an endless integer', Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(20, 0xff)])],
  [
    'a time beyond the years of JSON',
    envelope('v1', 'ConfigMap', part(1, part(8, Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])))),
  ],
])('refuses %s', (_, body) => {
  expect(() => decode(body)).toThrow(ProtobufError);
});

test('every kind that is served has its fields in the table', () => {
  const own = definitions.filter(({ group }) => group.endsWith('.flotilla.dev'));
  expect(own.length).toBeGreaterThan(0);
  const missing = definitions.filter(
    (one) => !own.includes(one) && !messageOf(one.group ? `${one.group}/${one.version}` : one.version, one.kind),
  );
  expect(missing.map(({ kind }) => kind)).toEqual([]);
  const typed = definitions.filter((one) => !own.includes(one));
  for (const { group, version, kind } of typed.flatMap(({ subresources = [] }) => subresources.map((one) => one.kind))) {
    expect(messageOf(group ? `${group}/${version}` : version, kind), kind).toBeDefined();
  }
});

test('the table of field numbers agrees with the API schemas', () => {
  const names = fieldNumbers
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(0, line.indexOf(' ')));
  expect(names.length).toBeGreaterThan(300);
  const schemas = readSchemas();
  let compared = 0;
  for (const name of names) {
    const message = messageNamed(name);
    const schema = schemas[schemaName(name)];
    if (!message || !schema) continue;
    compared++;
    const inlined = message.backwards.flatMap((field) => (field.name === '.' ? field.message().backwards : [field]));
    const fields = new Set(inlined.map((field) => field.name));
    const missing = Object.keys(schema.properties ?? {}).filter(
      (property) => !fields.has(property) && property !== 'kind' && property !== 'apiVersion',
    );
    expect({ name, missing }).toEqual({ name, missing: [] });
  }
  expect(compared).toBeGreaterThan(290);
});

function schemaName(name: string): string {
  const [group = '', kind] = name.split('.');
  return group === 'meta' ? `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}` : `io.k8s.api.${group}.v1.${kind}`;
}

function readSchemas(): Record<string, { properties?: Record<string, unknown> }> {
  return JSON.parse(readFileSync(new URL('../../../../shared/src/api/generated/schemas.json', import.meta.url), 'utf8'));
}
