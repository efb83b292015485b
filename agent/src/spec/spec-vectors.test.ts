import { readFileSync } from 'node:fs';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { openContent } from '@flotilla/shared/protocol/content.js';
import type { PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import { openManifest, parseObjects } from '@flotilla/shared/protocol/manifest-messages.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import type { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { TopicScope } from '@flotilla/shared/protocol/topics.js';
import { expect, test } from 'vitest';
import { SpecStore } from './spec-store.ts';

interface Step {
  readonly name: string;
  readonly manifest?: unknown;
  readonly objects?: unknown;
  readonly wants?: readonly unknown[];
  readonly refused?: string;
  readonly applied?: Generation;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../shared/docs/vectors/${name}.json`, import.meta.url), 'utf8'));
const { steps } = read('sync') as { steps: readonly Step[] };
const core = read('core') as { keys: { keyId: string; publicKeyPem: string }; scope: TopicScope };
const keys: readonly PinnedKey[] = [{ keyId: core.keys.keyId, publicKey: core.keys.publicKeyPem }];

test('a board goes through the steps of the vectors, and can prove what it ends with', async () => {
  const store = new SpecStore({ files: new FakeFiles(), dir: '/spec', logger: silentLogger });
  await store.load();
  for (const { name, manifest, objects, wants, refused, applied } of steps) {
    const done = manifest ? store.offer(openManifest(keys, core.scope, manifest)) : store.receive(parseObjects(objects).parts);
    const outcome = await done.then(
      ({ wants: missing }) => ({ wants: missing }),
      ({ reason }: ProtocolError) => ({ refused: reason }),
    );
    expect(outcome, name).toEqual(refused === undefined ? { wants } : { refused });
    expect(store.generation, name).toEqual(applied);
  }
  const content = (await store.signedContent()) ?? expect.fail();
  expect(openContent(keys, core.scope, content).generation).toEqual(steps.at(-1)?.applied);
});
