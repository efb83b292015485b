import { generateKeyPairSync } from 'node:crypto';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { envelopeSigner } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import { expect, test, vi } from 'vitest';
import { contentOf, entryOf } from './manifest/manifest-content.ts';
import { ManifestNumbers } from './manifest/manifest-numbers.ts';
import { NodeSession, type NodeSessionOptions } from './node-session.ts';

const kind = { group: '', resource: 'configmaps', content: (object: object) => object };

/** A session with a board that has nothing yet, and whose node shall have so many objects. */
async function greeted(objects: number) {
  const clock = new FakeClock();
  const reader = new FrameReader();
  const sent: { kind: string; value: unknown }[] = [];
  const warnings: string[] = [];
  const entries = Array.from({ length: objects }, (_, index) => entryOf(kind, { metadata: { name: `c${index}` } }));
  const content = contentOf(new Map(entries.map((entry) => [entry.key, entry])));
  const session = new NodeSession({
    clock,
    logger: silentLogger,
    clusterId: 'c',
    session: { node: 'n', epoch: 1 },
    signer: envelopeSigner(generateKeyPairSync('ed25519').privateKey),
    numbers: new ManifestNumbers({ epoch: 1, seen: () => 1 }),
    build: () => content,
    parts: [],
    broker: {
      send: async (_session: unknown, sentKind: string, payload: Buffer) => {
        const decoded = reader.read(payload);
        if (decoded?.type === 'json') sent.push({ kind: sentKind, value: decoded.value });
      },
    },
    warn: (reason: string, message: string) => void warnings.push(`${reason}: ${message}`),
    // As much as a session without reports and tokens touches.
  } as unknown as NodeSessionOptions);
  const rest = vi.spyOn(session.streams, 'rest');
  for (const payload of encodeJson({ agentVersion: '1', versions: [1], bootId: 'b', nonce: 'n' })) session.message('hello', payload);
  await clock.advance(1_000);
  return { sent, warnings, session, rest };
}

test('as many objects as a board takes are sent; one more is an event, and nothing is sent', async () => {
  const most = await greeted(linkLimits.contentEntries);
  expect(most.sent.map((message) => message.kind)).toEqual(['welcome', 'manifest']);
  expect(most.warnings).toEqual([]);
  // The board is about to speak of it.
  expect(most.rest).toHaveBeenCalledTimes(1);
  most.session.end();
  const more = await greeted(linkLimits.contentEntries + 1);
  expect(more.sent.map((message) => message.kind)).toEqual(['welcome']);
  expect(more.warnings).toEqual([
    'ManifestTooLarge: What is bound to this node does not fit into a manifest: it has 20001 objects; the limit is 20000',
  ]);
  more.session.end();
});
