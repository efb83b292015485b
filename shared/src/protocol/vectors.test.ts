import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { type EnvelopePurpose, envelopeSigner, open, seal } from './envelope.ts';
import { encodeData, encodeJson, FrameReader } from './frame.ts';
import { downFilter, downKindOf, upKindOf } from './topics.ts';

/** The vectors are the contract for agents in other languages: they are read here, never written. */
interface Vectors {
  canonicalJson: { value: unknown; text: string }[];
  frames: { name: string; hex: string; value?: unknown; data?: { stream: number; channel: number; offset: number; text: string } }[];
  refusedFrames: { name: string; hex: string; reason: string }[];
  envelope: {
    privateKeyPem: string;
    publicKeyPem: string;
    keyId: string;
    purpose: EnvelopePurpose;
    clusterId: string;
    node: string;
    payload: string;
    signature: string;
  };
  topics: { clusterId: string; node: string; filter: string; up: Record<string, string>; down: Record<string, string>; refused: string[] };
}

const vectors = JSON.parse(readFileSync(new URL('../../docs/vectors/link.json', import.meta.url), 'utf8')) as Vectors;

test('there are vectors of every kind', () => {
  expect(vectors.frames.length).toBeGreaterThanOrEqual(4);
  expect(vectors.refusedFrames.length).toBeGreaterThanOrEqual(3);
});

test.for(vectors.canonicalJson)('canonical JSON: $text', ({ value, text }) => {
  expect(canonicalJson(value)).toBe(text);
});

test.for(vectors.frames)('frame: $name', ({ hex, value, data }) => {
  const decoded = new FrameReader().read(Buffer.from(hex, 'hex'));
  if (data) {
    const frame = { stream: data.stream, channel: data.channel, offset: data.offset, data: Buffer.from(data.text) };
    expect(decoded).toEqual({ type: 'data', frame });
    expect(encodeData(frame).toString('hex')).toBe(hex);
  } else {
    expect(decoded).toEqual({ type: 'json', value });
    const [encoded] = encodeJson(value);
    expect(new FrameReader().read(encoded ?? Buffer.of())).toEqual({ type: 'json', value });
  }
});

test.for(vectors.refusedFrames)('refused frame: $name', ({ hex, reason }) => {
  expect(() => new FrameReader().read(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ reason }));
});

test('envelope', () => {
  const { privateKeyPem, publicKeyPem, keyId, purpose, clusterId, node, payload, signature } = vectors.envelope;
  const signer = envelopeSigner(createPrivateKey(privateKeyPem));
  expect(signer.keyId).toBe(keyId);
  const scope = { clusterId, node };
  expect(seal(signer, purpose, scope, JSON.parse(payload))).toEqual({ keyId, signature, payload });
  const keys = [{ keyId, publicKey: publicKeyPem }];
  const envelope = { keyId, signature, payload };
  expect(open(keys, purpose, scope, envelope)).toEqual(JSON.parse(payload));
  expect(() => open(keys, purpose, { clusterId, node: 'another' }, envelope)).toThrow('does not hold for node another');
  expect(() => open(keys, 'welcome', scope, envelope)).toThrow('does not hold');
  expect(() => open(keys, purpose, scope, { ...envelope, payload: `${payload} ` })).toThrow('does not hold');
  expect(() => open([], purpose, scope, envelope)).toThrow('not pinned');
});

test('topics', () => {
  const { clusterId, node, filter, up, down, refused } = vectors.topics;
  const scope = { clusterId, node };
  expect(downFilter(scope)).toBe(filter);
  for (const [kind, topic] of Object.entries(up)) expect(upKindOf(scope, topic)).toBe(kind);
  for (const [kind, topic] of Object.entries(down)) expect(downKindOf(scope, topic)).toBe(kind);
  for (const topic of refused) expect(() => upKindOf(scope, topic), topic).toThrow();
});
