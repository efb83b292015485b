import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { contentDigest, textDigest } from '@flotilla/shared/protocol/content.js';
import { type Envelope, envelopeSigner, seal } from '@flotilla/shared/protocol/envelope.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { recallLimits } from '@flotilla/shared/protocol/recall-messages.js';
import { beforeEach, expect, test } from 'vitest';
import type { NodeChannel } from '../node-part.ts';
import { type RecalledBoard, RecallPart } from './recall-part.ts';

const clusterId = 'cluster';
const own = generateKeyPairSync('ed25519');
const foreign = generateKeyPairSync('ed25519');
const publicKey = createPublicKey(own.privateKey).export({ type: 'spki', format: 'pem' }) as string;
const keys = [{ keyId: envelopeSigner(own.privateKey).keyId, publicKey }];

let clock: FakeClock;
let taken: RecalledBoard[];
let refused: string[];
let asked: { node: string; part: number }[];
let wanted: Set<string>;
let takeFails: boolean;
let part: RecallPart;

beforeEach(() => {
  clock = new FakeClock();
  [taken, refused, asked, wanted, takeFails] = [[], [], [], new Set(['a', 'b']), false];
  const taker = {
    wants: (node: string) => wanted.has(node),
    take: async (board: RecalledBoard) => {
      if (takeFails) throw new Error('the store is full');
      taken.push(board);
    },
    refused: (node: string, why: string) => void refused.push(`${node}: ${why}`),
  };
  part = new RecallPart({ taker, clusterId, keys, clock, logger: silentLogger });
});

function channel(node: string, epoch = 1): NodeChannel {
  const device = { node, epoch } as NodeChannel['device'];
  const send: NodeChannel['send'] = async (_kind, value) => void asked.push({ node, part: (value as { part: number }).part });
  const open = () => expect.fail('nothing is opened');
  return { device, send, seal: () => ({}) as Envelope, open, warn: () => {} };
}

const objects = { 'pods/default/x': '{"metadata":{"namespace":"default","name":"x"}}' };

function signed(of: Readonly<Record<string, string>>, node = 'a', key = own.privateKey): Envelope {
  const digest = contentDigest(new Map(Object.entries(of).map(([name, text]) => [name, textDigest(text)])));
  return seal(envelopeSigner(key), 'manifest', { clusterId, node }, { node, generation: { epoch: 1, revision: 5, digest } });
}

const answer = (more: object): object => ({ session: 1, part: 0, parts: 1, objects, tombstones: [], ...more });

test('hands on what the hub signed for this very board', async () => {
  const a = channel('a');
  part.begin(a);
  part.receive(
    'recall',
    answer({ envelope: signed(objects), tombstones: [{ uid: 'u', namespace: 'default', name: 'y', phase: 'Succeeded' }] }),
    a,
  );
  await clock.advance(1);
  expect(taken).toEqual([
    {
      node: 'a',
      content: {
        generation: expect.objectContaining({ epoch: 1, revision: 5 }),
        objects: new Map([['pods/default/x', JSON.parse(objects['pods/default/x'])]]),
      },
      tombstones: [{ uid: 'u', namespace: 'default', name: 'y', phase: 'Succeeded' }],
    },
  ]);
  expect(refused).toEqual([]);
});

const other = '{"metadata":{"namespace":"default","name":"x"},"spec":{"containers":[{"image":"evil"}]}}';
test.each([
  ["another node's envelope", { envelope: signed(objects, 'b') }, /does not hold for node a/],
  ['an object that was altered', { envelope: signed(objects), objects: { 'pods/default/x': other } }, /not what was signed/],
  ['an object more', { envelope: signed(objects), objects: { ...objects, 'pods/default/y': other } }, /not what was signed/],
  ['a role more', { envelope: signed(objects), objects: { ...objects, 'clusterrolebindings/me': '{}' } }, /not what was signed/],
  ['an object less', { envelope: signed(objects), objects: {} }, /not what was signed/],
  ['a key of somebody else', { envelope: signed(objects, 'a', foreign.privateKey) }, /not pinned/],
  [
    'a signature for another purpose',
    { envelope: seal(envelopeSigner(own.privateKey), 'welcome', { clusterId, node: 'a' }, {}) },
    /does not hold/,
  ],
  ['no signature', {}, /without a signature/],
])('refuses %s', async (_what, more, why) => {
  const a = channel('a');
  part.begin(a);
  expect(() => part.receive('recall', answer(more), a)).toThrow(ProtocolError);
  await clock.advance(1);
  expect(taken).toEqual([]);
  expect(refused).toEqual([expect.stringMatching(why)]);
});

test('asks for one part after another, again when an answer is lost, and takes no part twice', async () => {
  const a = channel('a');
  part.begin(a);
  const all = { ...objects, 'pods/default/y': '{}' };
  await clock.advance(15_000);
  expect(asked.map(({ part: number }) => number)).toEqual([0, 0]);
  part.receive('recall', answer({ parts: 2, envelope: signed(all) }), a);
  part.receive('recall', answer({ parts: 2, envelope: signed(all) }), a);
  expect(asked.at(-1)?.part).toBe(1);
  part.receive('recall', answer({ session: 2, parts: 2, part: 1, objects: { 'pods/default/y': '{"other":1}' } }), a);
  part.receive('recall', answer({ parts: 2, part: 1, objects: { 'pods/default/y': '{}' } }), a);
  await clock.advance(60_000);
  expect(taken).toHaveLength(1);
  expect(asked).toHaveLength(3);
});

test('bounds what a board may give back', async () => {
  const a = channel('a');
  part.begin(a);
  const text = 'x'.repeat(9 * 1024 * 1024);
  const send = (number: number): void =>
    part.receive('recall', answer({ parts: 100, part: number, envelope: signed({}), objects: { [`secrets/d/${number}`]: text } }), a);
  expect(() => {
    for (let number = 0; number < 10; number++) send(number);
  }).toThrow(`at most ${recallLimits.bytes} bytes`);
  expect(refused).toHaveLength(1);
});

test('asks boards that are wanted only, few at a time, and a board that cannot be written down again', async () => {
  wanted = new Set(Array.from({ length: 40 }, (_, index) => `n${index}`));
  const channels = [...wanted].map((node) => channel(node));
  for (const one of [...channels, channel('unwanted')]) part.begin(one);
  expect(asked).toHaveLength(32);
  const [first] = channels;
  if (!first) throw new Error('there is one');
  takeFails = true;
  part.receive('recall', answer({ envelope: signed(objects, 'n0') }), first);
  await clock.advance(1);
  expect(taken).toEqual([]);
  takeFails = false;
  part.end(channels[1] as NodeChannel);
  expect(asked).toHaveLength(33);
  await clock.advance(31_000);
  for (const one of channels.slice(2, 10)) part.end(one);
  await clock.advance(1);
  expect(asked.filter(({ node }) => node === 'n0').length).toBeGreaterThan(1);
  // The session that takes over has one of its own.
  const next = channel('n0', 2);
  part.end(first);
  part.begin(next);
  part.receive('recall', { ...answer({ envelope: signed(objects, 'n0') }), session: 2 }, next);
  await clock.advance(1);
  expect(taken.map(({ node }) => node)).toEqual(['n0']);
});
