/** One good input, or more, for every parser of the link. */

import { generateKeyPairSync } from 'node:crypto';
import { parseCall } from '@flotilla/shared/protocol/call-messages.js';
import { envelopeSigner, type PinnedKey, seal } from '@flotilla/shared/protocol/envelope.js';
import { parseJoinAnswer, parseJoinRequest, parseWaitAnswer } from '@flotilla/shared/protocol/join.js';
import { parseLeaseGrant, parseLeaseRequest } from '@flotilla/shared/protocol/lease-messages.js';
import { parseKeptLog, parseKeptLogAck } from '@flotilla/shared/protocol/log-messages.js';
import { openManifest, parseObjects, parseWant } from '@flotilla/shared/protocol/manifest-messages.js';
import { parseOperationNote, parseOperationOrder } from '@flotilla/shared/protocol/operation-messages.js';
import { parseRefusal } from '@flotilla/shared/protocol/parse-both.js';
import { parseAck, parseEnvelope, parseTokenAnswer, parseWelcome } from '@flotilla/shared/protocol/parse-down.js';
import { parseApplied, parseHello, parseReport, parseToken } from '@flotilla/shared/protocol/parse-up.js';
import { parseRecallAnswer, parseRecallQuestion } from '@flotilla/shared/protocol/recall-messages.js';
import { parseRetry } from '@flotilla/shared/protocol/retry-message.js';
import { parseStream } from '@flotilla/shared/protocol/stream-messages.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import { parseTraffic, parseTrafficQuestion } from '@flotilla/shared/protocol/traffic-messages.js';
import { parseUpdate } from '@flotilla/shared/protocol/update-message.js';

export const scope = { clusterId: 'cluster-1', node: 'board-1' };
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
  /** The kind of message by which a board would send it. */
  readonly up?: UpKind;
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
  {
    name: 'hello',
    up: 'hello',
    parse: parseHello,
    good: [{ agentVersion: '1', versions: [1, 2], bootId: 'b', nonce: 'n', applied: generation }],
  },
  { name: 'applied', up: 'applied', parse: parseApplied, good: [{ session: 1, applied: generation }] },
  { name: 'report', up: 'report', parse: parseReport, good: [{ session: 1, number: 2, report }] },
  {
    name: 'token',
    up: 'token',
    parse: parseToken,
    good: [{ session: 1, id: '1', namespace: 'd', serviceAccount: 's', podName: 'p', podUid: 'u', expirationSeconds: 600 }],
  },
  {
    name: 'stream',
    up: 'stream',
    parse: parseStream,
    good: [
      { session: 1, op: 'open', id: 1, credit: 100, logs: { pod, options: { container: 'c', follow: true, tailLines: 10 } } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'exec', pod, container: 'c', command: ['sh'], ...wanted } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'attach', pod, container: 'c', ...wanted } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'forward', pod, port: 80 } },
      { session: 1, op: 'open', id: 1, credit: 100, request: { kind: 'api', call: 1 } },
      { session: 1, op: 'opened', id: 1, credit: 10 },
      { session: 1, op: 'credit', id: 1, bytes: 10, total: 20 },
      { session: 1, op: 'end', id: 1, length: 10 },
      { session: 1, op: 'resize', id: 1, width: 80, height: 24 },
      { session: 1, op: 'mark', id: 1 },
      { session: 1, op: 'marked', id: 1 },
      { session: 1, op: 'close', id: 1, length: 10 },
      { session: 1, op: 'close', id: 1, length: 10, error: 'no', code: 404, exitCode: 1 },
    ],
  },
  { name: 'refusal', up: 'refusal', parse: parseRefusal, good: [{ about: 'report', reason: 'Busy', message: 'later' }] },
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
  { name: 'want', up: 'want', parse: parseWant, good: [{ session: 1, bytes: 1000, wants: [{ digest, offset: 0 }] }] },
  { name: 'objects', parse: parseObjects, good: [{ session: 1, parts: [{ digest, offset: 0, size: 2, text: '{}' }] }] },
  { name: 'lease', up: 'lease', parse: parseLeaseRequest, good: [{ session: 1, nonce: 'n', bootId: 'b', held: ['u-1'], void: ['u-2'] }] },
  { name: 'grant', parse: parseLeaseGrant, good: [{ session: 1, nonce: 'n', pods: { 'u-1': 60_000 } }] },
  {
    name: 'kept log',
    up: 'log',
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
    up: 'operation',
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
    up: 'recall',
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
  { name: 'wait answer', parse: parseWaitAnswer, good: [{ message: 'wait', fingerprint: 'SHA256:k', retryAfterSeconds: 30 }] },
  {
    name: 'traffic',
    up: 'traffic',
    parse: parseTraffic,
    good: [
      {
        ...{ session: 1, answer: 1 },
        traffic: {
          ...{ sinceMs: 1, monthSinceMs: 1, profile: 'metered', budgetBytes: 1000, shed: ['logs'], keepAliveMs: 600_000 },
          classes: { status: { up: 1, down: 2, monthUp: 3, monthDown: 4 } },
          flash: { bytes: 1, syncs: 2, budgetBytes: 3 },
        },
      },
    ],
  },
  { name: 'traffic question', parse: parseTrafficQuestion, good: [{ session: 1, question: 1 }] },
  { name: 'call', up: 'call', parse: parseCall, good: [{ session: 1, call: 1 }] },
  { name: 'retry', parse: parseRetry, good: [{ bootId: 'b', afterMs: 1000 }] },
];
