import { createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connackCodes, mqttUserName } from './courier.ts';
import { type EnvelopePurpose, envelopeSigner, open, seal } from './envelope.ts';
import { encodeJson, FrameReader } from './frame.ts';
import { joinPath, parseJoinAnswer, parseJoinRequest, renewPath } from './join.ts';
import { parseRefusal } from './parse-both.ts';
import { parseEnvelope, parseWelcome } from './parse-down.ts';
import { parseHello } from './parse-up.ts';
import { downFilter, downKindOf, type TopicScope, upKindOf } from './topics.ts';
import { parseUpdate } from './update-message.ts';
import { accepts, agree, coreVersion, protocolVersions } from './versions.ts';

/**
 * The frozen core. An agent that was released once may be switched on in ten years: it must still find its hub, learn the time, renew
 * its certificate and hear of an update. If this test fails, the code is wrong. Never change the vectors, nor the hash below.
 */
const frozen = '577bba04da9897431ece6399ab34a705c1ca22e24d84073ac8d46b95badb34a1';

interface Message {
  readonly kind: string;
  readonly topic: string;
  readonly payload?: unknown;
  readonly value: unknown;
  readonly frame: string;
}

interface Core {
  readonly keys: { readonly privateKeyPem: string; readonly publicKeyPem: string; readonly keyId: string };
  readonly scope: TopicScope;
  readonly mqtt: {
    readonly subscribe: string;
    readonly userNames: readonly { readonly bootId: string; readonly serial: string; readonly text: string }[];
    readonly connack: object;
  };
  readonly up: readonly Message[];
  readonly down: readonly Message[];
  readonly http: readonly { readonly path: string; readonly body: string; readonly answer: string }[];
}

const text = readFileSync(new URL('../../docs/vectors/core.json', import.meta.url), 'utf8');
const core = JSON.parse(text) as Core;
const pinned = [{ keyId: core.keys.keyId, publicKey: core.keys.publicKeyPem }];

test('the vectors are those that were frozen', () => {
  expect(createHash('sha256').update(text).digest('hex')).toBe(frozen);
});

const parsers: Readonly<Record<string, (value: unknown) => unknown>> = {
  hello: parseHello,
  refusal: parseRefusal,
  welcome: (value) => parseWelcome(open(pinned, 'welcome', core.scope, parseEnvelope(value))),
  update: (value) => parseUpdate(open(pinned, 'update', core.scope, parseEnvelope(value))),
};

describe.for([...core.up.map((message) => ['up', message] as const), ...core.down.map((message) => ['down', message] as const)])(
  '%s',
  ([direction, { kind, topic, payload, value, frame }]) => {
    test(`${kind} is written byte for byte`, () => {
      expect((direction === 'up' ? upKindOf : downKindOf)(core.scope, topic)).toBe(kind);
      expect(encodeJson(value).map((part) => part.toString('hex'))).toEqual([frame]);
      if (payload === undefined) return;
      const signer = envelopeSigner(createPrivateKey(core.keys.privateKeyPem));
      expect(seal(signer, kind as EnvelopePurpose, core.scope, payload)).toEqual(value);
    });

    test(`${kind} is read, also with fields that nobody knows`, () => {
      expect(new FrameReader().read(Buffer.from(frame, 'hex'))).toEqual({ type: 'json', value });
      const read = parsers[kind];
      expect(read?.(value)).toEqual(payload ?? value);
      expect(read?.({ ...(value as object), later: { anything: 1 } })).toEqual(payload ?? value);
    });
  },
);

test('how a board connects', () => {
  expect(downFilter(core.scope)).toBe(core.mqtt.subscribe);
  expect(connackCodes).toEqual(core.mqtt.connack);
  for (const { bootId, serial, text: userName } of core.mqtt.userNames) {
    expect(mqttUserName.write({ bootId, serial })).toBe(userName);
    expect(mqttUserName.read(userName)).toEqual({ bootId, serial });
  }
});

test('joining and renewal', () => {
  expect(core.http.map(({ path }) => path)).toEqual([joinPath, renewPath]);
  for (const { body, answer } of core.http) {
    expect(parseJoinRequest(JSON.parse(body))).toEqual(JSON.parse(body));
    expect(parseJoinAnswer(JSON.parse(answer))).toEqual(JSON.parse(answer));
  }
});

test('full sync from two versions back to one ahead, and the core with everybody', () => {
  expect(agree([3, 2, 1], [2, 1])).toEqual({ version: 2, deltas: true });
  for (const [board, version] of [
    [1, 1],
    [2, 2],
    [4, 3],
  ] as const) {
    expect(agree([3], [board])).toEqual({ version, deltas: false });
    expect(accepts([board], version)).toBe(true);
  }
  for (const board of [0, 5, 99]) expect(agree([3], [board])).toEqual({ version: coreVersion, deltas: false });
  expect(agree([3], [])).toEqual({ version: coreVersion, deltas: false });
  expect(accepts([7], coreVersion)).toBe(true);
  expect(accepts([7], 5)).toBe(false);
  expect(accepts([7], 8)).toBe(false);
  expect(agree(protocolVersions, protocolVersions).deltas).toBe(true);
});
