import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import type { Secret } from '../objects.ts';
import { checkJoinToken, createJoinToken } from './join-token.ts';

let plane: ControlPlane;
beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: [], scheduler: false });
});
afterEach(() => plane.stop());

async function token(uses: number): Promise<string> {
  const { client, clock } = plane;
  await client
    .resource('', 'namespaces')
    .create('', { metadata: { name: 'kube-system' } })
    .catch(() => {});
  client.informer('', 'secrets');
  await client.synced();
  return createJoinToken({
    createSecret: (namespace, secret) => client.resource<Secret>('', 'secrets').create(namespace, secret),
    ...{ clock, random: new SeededRandom(1), caKeyHash: `sha256:${'a'.repeat(64)}`, ttlMs: 60_000, uses },
  });
}

const join = (text: string, number: number): Promise<string> =>
  checkJoinToken(plane, text, { node: `board-${number}`, take: `key-${number}` }).then(
    () => 'joined',
    (error: Error) => error.message,
  );

test('boards that join at once share the write that takes their uses, and no use is given twice', async () => {
  const text = await token(50);
  const secrets = plane.client.informer<Secret>('', 'secrets');
  let writes = 0;
  secrets.on({ updated: () => writes++ });
  const outcomes = await Promise.all(Array.from({ length: 60 }, (_, number) => join(text, number)));
  expect(outcomes.slice(0, 50)).toEqual(new Array(50).fill('joined'));
  expect(new Set(outcomes.slice(50))).toEqual(new Set(['the join token was used as often as it may be']));
  expect(writes).toBeLessThan(5);
  // The key that took the last use may take it again; nobody else may, now or later.
  expect([await join(text, 49), await join(text, 3)]).toEqual(['joined', 'the join token was used as often as it may be']);
});

test('one that comes just as the others are done is not forgotten', async () => {
  const text = await token(3);
  const first = join(text, 1);
  const second = first.then(() => join(text, 2));
  expect(await Promise.all([first, second])).toEqual(['joined', 'joined']);
  expect(await join(text, 3)).toBe('joined');
});
