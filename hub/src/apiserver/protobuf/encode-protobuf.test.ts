import { readFileSync } from 'node:fs';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '#registry/decode/json-decode.ts';
import { encodeJson } from '#registry/decode/json-encode.ts';
import { definitions } from '#registry/definitions.ts';
import { decodeBody } from '../body.ts';
import { decodeMessage, readEnvelope } from './decode-protobuf.ts';
import { encodeFrame, encodeProtobuf } from './encode-protobuf.ts';
import { type Field, type Message, messageOf } from './messages.ts';
import { ProtobufError } from './wire-reader.ts';

interface RealAnswer {
  readonly name: string;
  readonly json: Record<string, unknown>;
  readonly protobuf: string;
}

/** The same objects as a kube-apiserver 1.34.4 gives them in both forms. */
const real = JSON.parse(readFileSync(new URL('real-answers.json', import.meta.url), 'utf8')) as RealAnswer[];

describe('what a kube-apiserver answered', () => {
  const objects = real.filter(({ json }) => json['kind'] !== undefined);

  test.each(objects.map((one) => [one.name, one] as const))('%s is written byte for byte', (_name, { json, protobuf }) => {
    expect(encodeProtobuf(json)?.toString('base64')).toBe(protobuf);
  });

  test.each(objects.map((one) => [one.name, one] as const))('%s is read', (_name, { json, protobuf }) => {
    expect(withoutNothing(decodeMessage(readEnvelope(Buffer.from(protobuf, 'base64'))))).toEqual(withoutNothing(json));
  });

  test('an event of a watch is written byte for byte', () => {
    const frames = real.filter(({ json }) => json['kind'] === undefined);
    expect(frames).toHaveLength(1);
    for (const { json, protobuf } of frames) {
      const object = encodeProtobuf(json['object'] as Record<string, unknown>) ?? Buffer.alloc(0);
      expect(encodeFrame(String(json['type']), object).toString('base64')).toBe(protobuf);
    }
  });
});

/** Without what Go writes in JSON for fields that say nothing. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withoutNothing(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => !saysNothing(member)));
}

function saysNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

type Dice = (sides: number) => number;

/** The same numbers for the same seed. */
function diceOf(seed: number): Dice {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const pick = <T>(dice: Dice, of: readonly T[]): T => of[dice(of.length)] as T;
const words = ['a', 'web-1', 'Größe', '☃', '𝕏', '"\\', ' ', 'x'.repeat(200), 'ä'.repeat(40)];
const moments = [-62_167_219_200, -1, 0, 1, 1_800_000_000, 253_402_300_799];
const iso = (at: number): string => new Date(at * 1000).toISOString().slice(0, 19);
const values: Readonly<Record<Exclude<Field['type'], 'message'>, (dice: Dice) => unknown>> = {
  text: (dice) => pick(dice, words),
  int32: (dice) => pick(dice, [1, 127, 128, 300, -1, 2 ** 31 - 1, -(2 ** 31)]),
  int64: (dice) => pick(dice, [1, -1, 2 ** 40, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]),
  boolean: () => true,
  bytes: (dice) => Buffer.alloc(1 + dice(40), dice(256)).toString('base64'),
  time: (dice) => `${iso(pick(dice, moments))}Z`,
  microTime: (dice) => `${iso(pick(dice, moments))}.${String(dice(1_000_000)).padStart(6, '0')}Z`,
  quantity: (dice) => pick(dice, ['1', '1500m', '1Gi', '12e6', '0']),
  intOrText: (dice) => pick(dice, [0, 1, -1, '25%', 'http']),
  json: () => ({ 'f:spec': { 'f:x': {}, 'k:{"a":1}': { '.': {} } } }),
  raw: () => ({ any: [1, 'a', { b: 2n ** 60n }] }),
  texts: (dice) => Array.from({ length: dice(3) }, () => pick(dice, words)),
};
/** What only a pointer can say. */
const zeros: Partial<Record<Field['type'], unknown>> = { text: '', int32: 0, int64: 0, boolean: false };

/** Some of the fields of a message; fewer the deeper it lies. */
function anyOf(message: Message, dice: Dice, depth: number): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const field of message.backwards) {
    if (field.name === '.') Object.assign(tree, anyOf(field.message(), dice, depth));
    else if (dice(2 + depth * 2) === 0) {
      const value = anyField(field, dice, depth);
      // Without a pointer a message that says nothing is none.
      if (field.shape !== 'one' || field.pointer || !saysNothing(value) || field.type === 'quantity') tree[field.name] = value;
    }
  }
  return tree;
}

function anyField(field: Field, dice: Dice, depth: number): unknown {
  const one = (): unknown => (field.type === 'message' ? anyOf(field.message(), dice, depth + 1) : values[field.type](dice));
  if (field.shape === 'list') return Array.from({ length: 1 + dice(2) }, one);
  if (field.shape === 'map') return Object.fromEntries(Array.from({ length: 1 + dice(2) }, () => [pick(dice, words), one()]));
  return field.pointer && dice(3) === 0 ? (zeros[field.type] ?? one()) : one();
}

const asked: readonly (readonly [group: string, kind: string])[] = [
  ['', 'Binding'],
  ['policy', 'Eviction'],
  ['autoscaling', 'Scale'],
  ['authentication.k8s.io', 'TokenRequest'],
  ['authentication.k8s.io', 'TokenReview'],
  ['authentication.k8s.io', 'SelfSubjectReview'],
  ['authorization.k8s.io', 'SubjectAccessReview'],
  ['authorization.k8s.io', 'SelfSubjectAccessReview'],
  ['authorization.k8s.io', 'LocalSubjectAccessReview'],
  ['authorization.k8s.io', 'SelfSubjectRulesReview'],
];
const shapes = [
  ...definitions.filter(({ group }) => !group.endsWith('.flotilla.dev')),
  ...asked.map(([group, kind]) => ({
    group,
    version: 'v1',
    kind,
    schema: `io.k8s.api.${group === '' ? 'core' : (group.split('.', 1)[0] ?? '')}.v1.${kind}`,
  })),
];

test.each(shapes.map((shape) => [shape.kind, shape] as const))('%s says the same in JSON and in protobuf', (kind, shape) => {
  const apiVersion = shape.group ? `${shape.group}/${shape.version}` : shape.version;
  const message = messageOf(apiVersion, kind);
  if (!message) throw new Error(`the table has no ${kind}`);
  let said = 0;
  const decode = (body: Buffer, type: string): KubeObject =>
    decodeBody({ user: { name: 'a', groups: [] }, warn: () => {} }, body, type, shape, 'Strict');
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const tree = { apiVersion, kind, ...anyOf(message, diceOf(seed), 0) };
      const json = encodeJson(tree);
      said = Math.max(said, json.length);
      const bytes = encodeProtobuf(tree) ?? Buffer.alloc(0);
      expect(decode(bytes, 'application/vnd.kubernetes.protobuf')).toEqual(decode(Buffer.from(json), 'application/json'));
    }),
    { numRuns: 60, seed: 11 },
  );
  expect(said).toBeGreaterThan(100);
});

test('whatever the bytes, they are an object or are refused', () => {
  const begin = real.flatMap(({ json, protobuf }) => (json['kind'] ? [Buffer.from(protobuf, 'base64')] : []));
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }), (which, changes) => {
      const bytes = Buffer.from(begin[which % begin.length] ?? Buffer.alloc(0));
      // The magic stays.
      for (const [at, value] of changes) bytes[4 + (at % (bytes.length - 4))] = value;
      try {
        decodeMessage(readEnvelope(bytes));
      } catch (error) {
        if (!(error instanceof ProtobufError) && !(error instanceof DecodeError)) throw error;
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});
