import { generateKeyPairSync } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { Random } from '@flotilla/shared/platform/random.js';
import { envelopeSigner, type PinnedKey, seal } from '@flotilla/shared/protocol/envelope.js';
import { encodeData, encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { parseJoinAnswer, parseJoinRequest, parseJoinToken } from '@flotilla/shared/protocol/join.js';
import { parseLeaseGrant, parseLeaseRequest } from '@flotilla/shared/protocol/lease-messages.js';
import { parseKeptLog, parseKeptLogAck } from '@flotilla/shared/protocol/log-messages.js';
import { openManifest, parseObjects, parseWant } from '@flotilla/shared/protocol/manifest-messages.js';
import { parseOperationNote, parseOperationOrder } from '@flotilla/shared/protocol/operation-messages.js';
import { parseRefusal } from '@flotilla/shared/protocol/parse-both.js';
import { parseAck, parseEnvelope, parseTokenAnswer, parseWelcome } from '@flotilla/shared/protocol/parse-down.js';
import { parseApplied, parseHello, parseReport, parseToken } from '@flotilla/shared/protocol/parse-up.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { parseRecallAnswer, parseRecallQuestion } from '@flotilla/shared/protocol/recall-messages.js';
import { parseStream } from '@flotilla/shared/protocol/stream-messages.js';
import { downKindOf, upKindOf } from '@flotilla/shared/protocol/topics.js';
import { parseUpdate } from '@flotilla/shared/protocol/update-message.js';

/** Inputs for every parser of the link, and what an enemy makes of them. */

const scope = { clusterId: 'cluster-1', node: 'board-1' };
const digest = 'd'.repeat(43);
const keys = generateKeyPairSync('ed25519');
const signer = envelopeSigner(keys.privateKey);
const pinned: PinnedKey[] = [{ keyId: signer.keyId, publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }) as string }];
const envelope = seal(signer, 'manifest', scope, { node: scope.node, generation: { epoch: 1, revision: 2, digest } });
const generation = { epoch: 1, revision: 2, digest };
const pod = { namespace: 'default', name: 'web', uid: 'u-1' };
const wanted = { stdin: true, stdout: true, stderr: true, tty: false };

interface Parser {
  readonly name: string;
  readonly parse: (value: unknown) => unknown;
  /** Each is taken. */
  readonly good: readonly unknown[];
}

const podReport = { ...pod, sequence: 3, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }, gone: false };
const event = {
  id: 'e-1',
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u-1' },
  type: 'Normal',
  reason: 'Started',
  message: 'Started container',
  wallMs: 1_700_000_000_000,
};
const nodeReport = {
  labels: { a: 'b' },
  taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }],
  sequence: 1,
  status: { capacity: { cpu: '4' } },
};
const report = { node: nodeReport, pods: [podReport], events: [event], applied: generation, full: true };

export const parsers: readonly Parser[] = [
  { name: 'hello', parse: parseHello, good: [{ agentVersion: '1', versions: [1, 2], bootId: 'b', nonce: 'n', applied: generation }] },
  { name: 'applied', parse: parseApplied, good: [{ session: 1, applied: generation }] },
  { name: 'report', parse: parseReport, good: [{ session: 1, number: 2, report }] },
  {
    name: 'token',
    parse: parseToken,
    good: [{ session: 1, id: '1', namespace: 'd', serviceAccount: 's', podName: 'p', podUid: 'u', expirationSeconds: 600 }],
  },
  {
    name: 'stream',
    parse: parseStream,
    good: [
      { session: 1, op: 'open', id: 1, credit: 100, logs: { pod, options: { container: 'c', follow: true, tailLines: 10 } } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'exec', pod, container: 'c', command: ['sh'], ...wanted } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'attach', pod, container: 'c', ...wanted } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'forward', pod, port: 80 } },
      { session: 1, op: 'opened', id: 1, credit: 10 },
      { session: 1, op: 'credit', id: 1, bytes: 10, total: 20 },
      { session: 1, op: 'end', id: 1, length: 10 },
      { session: 1, op: 'resize', id: 1, width: 80, height: 24 },
      { session: 1, op: 'close', id: 1, length: 10 },
      { session: 1, op: 'close', id: 1, length: 10, error: 'no', code: 404, exitCode: 1 },
    ],
  },
  { name: 'refusal', parse: parseRefusal, good: [{ about: 'report', reason: 'Busy', message: 'later' }] },
  { name: 'envelope', parse: parseEnvelope, good: [envelope] },
  { name: 'welcome', parse: parseWelcome, good: [{ nonce: 'n', version: 1, session: 1, wallMs: 1 }] },
  { name: 'ack', parse: parseAck, good: [{ session: 1, number: 1 }] },
  {
    name: 'token answer',
    parse: parseTokenAnswer,
    good: [
      { session: 1, id: '1', token: 't', expirationWallMs: 1 },
      { session: 1, id: '1', error: 'no' },
    ],
  },
  {
    name: 'manifest',
    parse: (value) => openManifest(pinned, scope, value),
    good: [{ signed: envelope, base: digest, entries: { 'pods/default/web': digest, 'nodes/board-1': null }, objects: ['{"kind":"Pod"}'] }],
  },
  { name: 'want', parse: parseWant, good: [{ session: 1, bytes: 1000, wants: [{ digest, offset: 0 }] }] },
  { name: 'objects', parse: parseObjects, good: [{ session: 1, parts: [{ digest, offset: 0, size: 2, text: '{}' }] }] },
  { name: 'lease', parse: parseLeaseRequest, good: [{ session: 1, nonce: 'n', bootId: 'b', held: ['u-1'], void: ['u-2'] }] },
  { name: 'grant', parse: parseLeaseGrant, good: [{ session: 1, nonce: 'n', pods: { 'u-1': 60_000 } }] },
  {
    name: 'kept log',
    parse: parseKeptLog,
    good: [{ session: 1, pod, container: 'c', containerId: 'podman://1', attempt: 0, log: Buffer.from('text').toString('base64') }],
  },
  { name: 'kept log ack', parse: parseKeptLogAck, good: [{ session: 1, containerId: 'podman://1' }] },
  {
    name: 'operation order',
    parse: parseOperationOrder,
    good: [
      {
        ...{ session: 1, op: 'list', number: 1 },
        operations: [{ uid: 'u', name: 'n', action: 'reboot', pod, createdWallMs: 1, begun: false }],
      },
      { session: 1, op: 'answer', number: 1, granted: true, message: '' },
    ],
  },
  {
    name: 'operation note',
    parse: parseOperationNote,
    good: [
      { session: 1, op: 'claim', number: 1, uid: 'u' },
      {
        ...{ session: 1, op: 'report', number: 1, uid: 'u' },
        report: { phase: 'Succeeded', message: 'm', bootIdBefore: 'a', containers: [{ name: 'c', restartCount: 1 }], diagnostics: 'd' },
      },
    ],
  },
  { name: 'recall question', parse: parseRecallQuestion, good: [{ session: 1, part: 0 }] },
  {
    name: 'recall answer',
    parse: parseRecallAnswer,
    good: [
      {
        ...{ session: 1, part: 0, parts: 1, envelope, objects: { 'pods/default/web': '{}' } },
        tombstones: [{ ...pod, phase: 'Succeeded' }],
      },
    ],
  },
  { name: 'update', parse: parseUpdate, good: [{ id: 'u', version: '2', artifact: { digest: `sha256:${'0'.repeat(64)}`, bytes: 10 } }] },
  {
    name: 'join request',
    parse: parseJoinRequest,
    good: [{ node: 'board-1', csr: '-----BEGIN CERTIFICATE REQUEST-----', token: 't', serial: 's' }],
  },
  {
    name: 'join answer',
    parse: parseJoinAnswer,
    good: [{ clusterId: 'c', certificate: 'c', ca: 'c', manifestKeys: [{ keyId: 'k', publicKey: 'p' }], mqttPort: 8883, wallMs: 1 }],
  },
];

const poisons: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => undefined,
  () => [],
  () => ({}),
  () => Number.NaN,
  () => -1,
  () => 1.5,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => '__proto__',
  () => '\u0000\ud800\uffff',
  () => '../../../etc/passwd',
  () => 'x'.repeat(100_000),
  () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as unknown,
  () => deep(5_000),
  () => Array.from({ length: 30_000 }, () => 0),
  (random) => random.next() < 0.5,
  (random) => Math.floor(random.next() * 1e6),
];

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value };
  return value;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

/** The value with one of its parts, however deep, poisoned, doubled or taken away. */
export function poisoned(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.next() < 0.15) return pick(random, poisons)(random);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.next() < 0.2) return [...(value as unknown[]), ...(value as unknown[]), pick(random, poisons)(random)];
    const at = Math.floor(random.next() * value.length);
    return (value as unknown[]).map((item, index) => (index === at ? poisoned(item, random) : item));
  }
  const entries = Object.entries(value);
  const at = Math.floor(random.next() * entries.length);
  if (random.next() < 0.1) return Object.fromEntries(entries.filter((_, index) => index !== at));
  if (random.next() < 0.1) return Object.fromEntries([...entries, ['__proto__', { polluted: true }]]);
  return Object.fromEntries(entries.map(([name, item], index) => [name, index === at ? poisoned(item, random) : item]));
}

/** Bytes as they could come over the line. */
export function bytes(value: unknown, random: Random): Buffer {
  const way = random.next();
  if (way < 0.3) return encodeSafely(value);
  if (way < 0.4) return random.bytes(Math.floor(random.next() * 300));
  const whole = encodeSafely(value);
  if (way < 0.55) return whole.subarray(0, Math.floor(random.next() * whole.length));
  if (way < 0.7) {
    const flipped = Buffer.from(whole);
    for (let count = 0; count < 4 && flipped.length > 0; count++) {
      const at = Math.floor(random.next() * flipped.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
    }
    return flipped;
  }
  if (way < 0.75) return Buffer.concat([Buffer.of(1), Buffer.from('{"a":"'), Buffer.of(0xff, 0xc0, 0x80), Buffer.from('"}')]);
  if (way < 0.8) return Buffer.concat([Buffer.of(1), Buffer.from('['.repeat(60_000))]);
  if (way < 0.802) return Buffer.concat([Buffer.of(2), bombs[Math.floor(random.next() * bombs.length)] as Buffer]);
  if (way < 0.85) return encodeData({ stream: 7, channel: 255, offset: 2 ** 52, data: random.bytes(40) });
  const chunk = Buffer.concat([Buffer.of(3), random.bytes(32), Buffer.alloc(8), random.bytes(20)]);
  chunk.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 33);
  chunk.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 37);
  return chunk;
}

/** Small ones that become large. */
const bombs = ['[', '[],', '{"a":', '0,', ' '].map((part) => deflateSync(Buffer.from(`[${part.repeat(2_000_000)}`)));

function encodeSafely(value: unknown): Buffer {
  if (value === undefined) return Buffer.of(1);
  try {
    return encodeJson(value)[0] ?? Buffer.of();
  } catch {
    return Buffer.of(1, 0x7b);
  }
}

const topicTails = [
  'up/report',
  'down/manifest',
  'up/hello',
  'up/__proto__',
  'up/constructor',
  'up/',
  '',
  '#',
  '+/report',
  'up/report/x',
  'up/token',
];

/** A topic that is somebody else's, or nobody's. */
export function foreignTopic(random: Random): string {
  const node = pick(random, ['board-2', 'board-1/../board-2', '+', '', 'board-1 ', 'BOARD-1', 'board-10', '__proto__']);
  return (
    pick(random, [`f1/cluster-1/${node}/`, `f1/cluster-2/board-1/`, `f2/cluster-1/board-1/`, '', '/', '$SYS/']) + pick(random, topicTails)
  );
}

export interface Fed {
  readonly taken: number;
  readonly refused: number;
}

/**
 * So many inputs for all the parsers. @throws Error for an input that is neither taken nor refused in the protocol's own words, that
 * reached what is not its own, or that changed what all objects have
 */
export function feed(random: Random, inputs: number): Fed {
  let taken = 0;
  let refused = 0;
  const reader = new FrameReader();
  const attempt = (what: string, run: () => unknown): void => {
    try {
      run();
      taken++;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
      refused++;
    }
  };
  for (let count = 0; count < inputs; count++) {
    const parser = pick(random, parsers);
    const good = pick(random, parser.good);
    const value = random.next() < 0.02 ? good : poisoned(good, random);
    const way = random.next();
    if (way < 0.5) attempt(parser.name, () => parser.parse(value));
    else if (way < 0.9) {
      const payload = bytes(value, random);
      attempt(`frame for ${parser.name}`, () => {
        const decoded = reader.read(payload);
        if (decoded?.type === 'json') parser.parse(decoded.value);
      });
    } else if (way < 0.95) attempt('join token', () => parseJoinToken(random.bytes(40).toString('latin1')));
    else {
      const topic = foreignTopic(random);
      for (const kindOf of [upKindOf, downKindOf]) {
        let reached: string | undefined;
        try {
          reached = kindOf(scope, topic);
        } catch {
          refused++;
        }
        if (reached !== undefined) throw new Error(`the topic ${topic} was taken for ${reached}`);
      }
    }
  }
  if (Object.hasOwn(Object.prototype, 'polluted') || 'polluted' in {}) throw new Error('an input changed what all objects have');
  return { taken, refused };
}
