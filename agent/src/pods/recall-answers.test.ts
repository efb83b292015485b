import { silentLogger } from '@flotilla/shared/log/logger.js';
import { parseRecallAnswer, type RecallAnswer, recallLimits } from '@flotilla/shared/protocol/recall-messages.js';
import { expect, test, vi } from 'vitest';
import type { LinkChannel } from '#hublink/types.ts';
import { RecallAnswers } from './recall-answers.ts';
import type { Tombstone } from './tombstones.ts';

const envelope = { keyId: 'k', signature: 's', payload: '{}' };
const stone = (uid: string): Tombstone => ({ uid, namespace: 'default', name: `pod-${uid}`, status: { phase: 'Succeeded', other: 'x' } });

function board(objects: Record<string, string> | undefined, tombstones: Tombstone[] = []) {
  const sent: RecallAnswer[] = [];
  const content = vi.fn(async () => objects && { envelope, objects });
  const answers = new RecallAnswers({ content, tombstones: () => tombstones, logger: silentLogger });
  const channel: LinkChannel = {
    session: 7,
    bootId: 'boot',
    send: async (_kind, value) => void sent.push(parseRecallAnswer(JSON.parse(JSON.stringify(value)))),
    open: () => undefined,
  };
  const ask = async (part: number, session = 7): Promise<RecallAnswer | undefined> => {
    sent.length = 0;
    answers.receive('recall', { session, part }, channel);
    await vi.waitFor(() => content.mock.results.at(-1)?.value);
    await new Promise((resolve) => setImmediate(resolve));
    return sent[0];
  };
  return { ask, answers, content };
}

test('gives back what was signed, in parts, each as often as it is asked for', async () => {
  const big = 'x'.repeat(recallLimits.partBytes);
  const objects = { 'pods/default/a': '{"a":1}', 'secrets/default/big': big, 'pods/default/b': '{"b":1}' };
  const { ask, content } = board(objects, [stone('one')]);
  const first = await ask(0);
  expect(first).toMatchObject({ session: 7, part: 0, parts: 3, envelope, objects: { 'pods/default/a': '{"a":1}' } });
  expect(await ask(1)).toMatchObject({ part: 1, parts: 3, objects: { 'secrets/default/big': big } });
  const last = { objects: { 'pods/default/b': '{"b":1}' }, tombstones: [{ uid: 'one', name: 'pod-one', phase: 'Succeeded' }] };
  expect(await ask(2)).toMatchObject(last);
  expect(await ask(2)).toMatchObject(last);
  expect(content).toHaveBeenCalledTimes(1);
  expect(await ask(3)).toBeUndefined();
  expect(await ask(0, 6)).toBeUndefined();
});

test('a board without a manifest says so', async () => {
  expect(await board(undefined).ask(0)).toEqual({ session: 7, part: 0, parts: 1, objects: {}, tombstones: [] });
});
