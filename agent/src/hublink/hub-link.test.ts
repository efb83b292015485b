import { generateKeyPairSync } from 'node:crypto';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { ConnectRefused, type DeviceEnd } from '@flotilla/shared/protocol/courier.js';
import { envelopeSigner, seal } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { downTopic } from '@flotilla/shared/protocol/topics.js';
import { describe, expect, test } from 'vitest';
import { createHubLink } from './hub-link.ts';
import { idleHandlers } from './idle-handlers.ts';
import type { HubLink } from './types.ts';

const keys = generateKeyPairSync('ed25519');
const signer = envelopeSigner(keys.privateKey);
const manifestKeys = [{ keyId: signer.keyId, publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }) as string }];
const scope = { clusterId: 'c', node: 'pi-1' };

type Answer = 'away' | 'quarantined' | 'welcome';

/** A link to a hub that answers as it is told, and when it knocked. */
function setUp(seed: number, answer: () => Answer) {
  const clock = new FakeClock();
  const attempts: number[] = [];
  let end: DeviceEnd | undefined;
  const link: HubLink = createHubLink({
    clock,
    random: new SeededRandom(seed),
    logger: silentLogger,
    identity: { scope, agentVersion: '1', bootId: 'b', serial: '', manifestKeys },
    courier: {
      connect: async (_introduction, deviceEnd) => {
        attempts.push(clock.monotonicMs());
        const said = answer();
        if (said === 'away') throw new Error('connection refused');
        if (said === 'quarantined') throw new ConnectRefused('quarantined', 'another machine');
        end = deviceEnd;
        const send = async (topic: string, payload: Buffer): Promise<void> => {
          if (!topic.endsWith('/hello')) return;
          const decoded = new FrameReader().read(payload);
          const { nonce } = (decoded?.type === 'json' ? decoded.value : {}) as { nonce: string };
          const welcome = seal(signer, 'welcome', scope, { nonce, version: 1, session: attempts.length, wallMs: clock.wallMs() });
          for (const part of encodeJson(welcome)) deviceEnd.message(downTopic(scope, 'welcome'), part);
        };
        return { send, close: () => deviceEnd.closed('closed') };
      },
    },
    handlers: idleHandlers,
  });
  link.start();
  return {
    clock,
    attempts,
    link,
    hangUp: () => end?.closed('cut'),
    /** What a hub says before it hangs up. */
    say: (envelope: unknown) => {
      for (const part of encodeJson(envelope)) end?.message(downTopic(scope, 'retry'), part);
    },
  };
}

const gaps = (attempts: readonly number[]): number[] => attempts.slice(1).map((atMs, index) => atMs - (attempts[index] ?? 0));

test('boards do not retry in step: every wait is drawn anew, up to a minute', async () => {
  const fleets = await Promise.all(
    [1, 2, 3].map(async (seed) => {
      const { clock, attempts, link } = setUp(seed, () => 'away');
      await clock.advance(3_600_000);
      await link.stop();
      return attempts;
    }),
  );
  for (const attempts of fleets) {
    expect(Math.max(...gaps(attempts))).toBeLessThanOrEqual(60_000);
    expect(Math.max(...gaps(attempts).slice(-20))).toBeGreaterThan(20_000);
    expect(gaps(attempts)[0]).toBeLessThanOrEqual(1_000);
  }
  const moments = fleets.flatMap((attempts) => attempts.slice(1).map(Math.round));
  expect(new Set(moments).size).toBeGreaterThan(0.95 * moments.length);
});

test('the wait begins anew only after a stable session', async () => {
  const { clock, attempts, hangUp, link } = setUp(1, () => 'welcome');
  const sessions = async (lastsMs: number): Promise<number> => {
    const waits: number[] = [];
    for (let count = 0; count < 12; count++) {
      await clock.advance(lastsMs);
      const before = attempts.length;
      const atMs = clock.monotonicMs();
      hangUp();
      while (attempts.length === before) await clock.advance(100);
      waits.push(clock.monotonicMs() - atMs);
    }
    return Math.max(...waits);
  };
  await clock.advance(10);
  expect(await sessions(60_000)).toBeLessThanOrEqual(1_100);
  // A hub that takes a session and drops it is not hammered.
  expect(await sessions(59_000)).toBeGreaterThan(5_000);
  expect(await sessions(60_000)).toBeGreaterThan(0);
  expect(await sessions(60_000)).toBeLessThanOrEqual(1_100);
  await link.stop();
});

describe('a hub that says when to come again', () => {
  const retry = (afterMs: unknown, bootId = 'b') => seal(signer, 'retry', scope, { bootId, afterMs });

  /** Waits between what the hub said and the next attempt, one for each seed. */
  async function waits(envelope: unknown, seeds = 20): Promise<number[]> {
    const list: number[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { clock, attempts, link, hangUp, say } = setUp(seed, () => 'welcome');
      await clock.advance(1_000);
      const atMs = clock.monotonicMs();
      say(envelope);
      hangUp();
      await clock.advance(20 * 60_000);
      list.push((attempts[1] ?? Number.POSITIVE_INFINITY) - atMs);
      await link.stop();
    }
    return list;
  }

  test('is obeyed, never in step', async () => {
    const list = await waits(retry(40_000));
    expect(Math.min(...list)).toBeGreaterThanOrEqual(40_000);
    expect(Math.max(...list)).toBeLessThanOrEqual(50_000);
    expect(new Set(list).size).toBe(list.length);
  });

  test('locks nobody out with any number, and makes nobody knock all the time', async () => {
    expect(Math.max(...(await waits(retry(Number.MAX_SAFE_INTEGER))))).toBeLessThanOrEqual(750_000);
    expect(Math.min(...(await waits(retry(0))))).toBeGreaterThanOrEqual(1_000);
  });

  test.each([
    [
      'it is signed by another',
      seal(envelopeSigner(generateKeyPairSync('ed25519').privateKey), 'retry', scope, { bootId: 'b', afterMs: 600_000 }),
    ],
    ['it is for another board', seal(signer, 'retry', { ...scope, node: 'pi-2' }, { bootId: 'b', afterMs: 600_000 })],
    ['it is for another boot', retry(600_000, 'earlier')],
    ['its number is none', retry('600000')],
    ['it was signed for something else', seal(signer, 'operation', scope, { bootId: 'b', afterMs: 600_000 })],
    ['it is not signed', { bootId: 'b', afterMs: 600_000 }],
  ])('is not heard when %s', async (_why, envelope) => {
    expect(Math.max(...(await waits(envelope, 3)))).toBeLessThanOrEqual(1_000);
  });
});

test('one that is quarantined knocks at most every 15 s, for ever', async () => {
  const { clock, attempts, link } = setUp(1, () => 'quarantined');
  await clock.advance(3_600_000);
  expect(attempts.length).toBeGreaterThan(30);
  expect(Math.min(...gaps(attempts))).toBeGreaterThanOrEqual(15_000);
  await link.stop();
});
