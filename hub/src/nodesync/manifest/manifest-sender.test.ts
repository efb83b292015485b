import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { textDigest } from '@flotilla/shared/protocol/content.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { ManifestMessage, ObjectPart } from '@flotilla/shared/protocol/manifest-messages.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import { describe, expect, test } from 'vitest';
import { contentOf, entryOf, type ManifestContent } from './manifest-content.ts';
import { ManifestSender } from './manifest-sender.ts';
import { ObjectPages } from './object-pages.ts';

const kind = { group: '', resource: 'configmaps', content: (object: KubeObject) => object };

function content(data: Readonly<Record<string, string>>): ManifestContent {
  const entries = Object.entries(data).map(([name, text]) => entryOf(kind, { metadata: { name }, data: { text } } as KubeObject));
  return contentOf(new Map(entries.map((entry) => [entry.key, entry])));
}

async function setUp(first: Readonly<Record<string, string>>) {
  const clock = new FakeClock();
  const sent: { message: ManifestMessage; generation: Generation; atMs: number }[] = [];
  const parts: (readonly ObjectPart[])[] = [];
  let now = content(first);
  let revision = 10;
  let given: Generation | undefined;
  const sender = new ManifestSender({
    clock,
    build: () => now,
    number: (digest) => {
      given = given?.digest === digest ? given : { epoch: 1, revision: ++revision, digest };
      return given;
    },
    sign: ({ digest }) => ({ keyId: 'k', signature: digest, payload: '' }),
    send: async (message, generation) => void sent.push({ message, generation, atMs: clock.monotonicMs() }),
    sendParts: async (page) => void parts.push(page),
  });
  const want = async (data: Readonly<Record<string, string>>, bytes = 1_000_000): Promise<void> =>
    sender.want({ session: 1, bytes, wants: [...content(data).entries.values()].map(({ digest }) => ({ digest, offset: 0 })) });
  return {
    ...{ clock, sender, sent, parts, want },
    change: async (data: Readonly<Record<string, string>>) => {
      now = content(data);
      sender.changed();
      await clock.advance(0);
    },
    last: () => sent.at(-1) ?? expect.fail('nothing was sent'),
  };
}

const generation = (revision: number, data: Readonly<Record<string, string>>): Generation => ({
  epoch: 1,
  revision,
  digest: content(data).digest,
});

test('a board that has it is sent nothing, and then only what differs', async () => {
  const { clock, sender, sent, change, last } = await setUp({ a: '1', b: '1' });
  sender.start(generation(7, { a: '1', b: '1' }), true);
  await clock.advance(600_000);
  expect(sent).toEqual([]);
  await change({ a: '2', c: '1' });
  expect(last().message.base).toBe(content({ a: '1', b: '1' }).digest);
  expect(Object.keys(last().message.entries).sort()).toEqual(['configmaps/a', 'configmaps/b', 'configmaps/c']);
  expect(last().message.entries['configmaps/b']).toBeNull();
  expect(last().message.objects).toHaveLength(2);
  // Unacknowledged: the next waits, and then the difference is to what was acknowledged.
  await change({ a: '3', c: '1' });
  expect(sent).toHaveLength(1);
  sender.applied(last().generation);
  await clock.advance(0);
  expect(last().message).toMatchObject({ base: content({ a: '2', c: '1' }).digest });
  expect(Object.keys(last().message.entries)).toEqual(['configmaps/a']);
  sender.applied(last().generation);
  await clock.advance(600_000);
  expect(sent).toHaveLength(2);
  expect(sender.settled).toBe(true);
});

test('a board with another content gets the whole index and no objects; one with none gets them along', async () => {
  const { clock, sender, last } = await setUp({ a: '1', b: '1' });
  sender.start(generation(7, { z: '1' }), true);
  await clock.advance(0);
  expect(last().message).toMatchObject({ objects: [], entries: { 'configmaps/a': expect.anything(), 'configmaps/b': expect.anything() } });
  expect(last().message.base).toBeUndefined();
  const fresh = await setUp({ a: '1', b: '1' });
  fresh.sender.start(undefined, true);
  await fresh.clock.advance(0);
  expect(fresh.last().message.objects).toHaveLength(2);
});

test('without deltas everything is complete', async () => {
  const { sender, change, last } = await setUp({ a: '1' });
  sender.start(generation(7, { a: '1' }), false);
  await change({ a: '2' });
  expect(last().message.base).toBeUndefined();
});

test('after a gap the whole is sent at once, and differences again when that was taken', async () => {
  const { clock, sender, sent, change, last } = await setUp({ a: '1' });
  sender.start(generation(7, { a: '1' }), true);
  await change({ a: '2' });
  sender.refused('Gap');
  sender.applied(generation(7, { a: '1' }));
  expect(sent.map(({ message }) => message.base === undefined)).toEqual([false, true]);
  // A gap in the whole would be a fault of either side: it waits its turn.
  sender.refused('Gap');
  await clock.advance(10_000);
  expect(sent).toHaveLength(2);
  sender.applied(last().generation);
  await change({ a: '3' });
  expect(last().message.base).toBe(content({ a: '2' }).digest);
});

test('what was not acknowledged comes again, ever more slowly, also when the content is again the old one', async () => {
  const { clock, sender, sent, change } = await setUp({ a: '1' });
  sender.start(generation(7, { a: '1' }), true);
  await change({ a: '2' });
  await change({ a: '1' });
  await clock.advance(3_600_000);
  const gaps = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
  expect(gaps.slice(0, 6)).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 240_000]);
  expect(sent[1]).toMatchObject({ message: { entries: {}, base: content({ a: '1' }).digest }, generation: { revision: 12 } });
});

test('a board that could not take it is left in peace for a while, but a change is sent at once', async () => {
  const { clock, sender, sent, change } = await setUp({ a: '1' });
  sender.start(undefined, true);
  await clock.advance(0);
  for (let count = 0; count < 10; count++) {
    sender.refused('Failed');
    await clock.advance(3_600_000);
  }
  const atMs = clock.monotonicMs();
  const before = sent.length;
  expect(before).toBeLessThan(50);
  sender.refused('Failed');
  await clock.advance(3_000_000);
  expect(sent).toHaveLength(before);
  await change({ a: '2' });
  expect(sent).toHaveLength(before + 1);
  expect(clock.monotonicMs() - atMs).toBe(3_000_000);
});

describe('objects that do not come along', () => {
  const big = { a: 'x'.repeat(linkLimits.inlineBytes), b: 'y' };

  test('are answered one page at a time, and only those of the manifest on its way', async () => {
    const { sender, parts, want, last, clock } = await setUp(big);
    sender.start(undefined, true);
    await clock.advance(0);
    expect(last().message.objects).toHaveLength(1);
    await Promise.all([want(big), want(big)]);
    expect(parts).toHaveLength(1);
    expect(parts[0]?.map(({ text }) => textDigest(text))).toEqual(parts[0]?.map(({ digest }) => digest));
    await want({ other: 'z' });
    expect(parts).toHaveLength(1);
    sender.applied(last().generation);
    await want(big);
    expect(parts).toHaveLength(1);
  });

  test('a board that goes on asking for objects of an older one has lost this one, and gets it again', async () => {
    const { sender, sent, want, change, clock } = await setUp(big);
    sender.start(undefined, true);
    await clock.advance(0);
    await want(big, 100);
    await change({ c: 'z' });
    // The newer one goes out between two pages, and is lost.
    await want(big, 100);
    expect(sent).toHaveLength(2);
    await want(big, 100);
    expect(sent).toHaveLength(2);
    for (let asked = 0; asked < 4; asked++) {
      await clock.advance(14_000);
      await want(big, 100);
    }
    expect(sent.length).toBeGreaterThanOrEqual(5);
    expect(sent.length).toBeLessThanOrEqual(8);
  });

  test('a board that fetches is left its time, and gets what changed meanwhile between two pages, without what it has', async () => {
    const { sender, sent, want, change, last, clock } = await setUp(big);
    sender.start(undefined, true);
    await clock.advance(0);
    for (let page = 0; page < 10; page++) {
      await clock.advance(60_000);
      if (page === 0) expect(sent.length).toBeGreaterThan(1);
      await want(big, 100);
    }
    const before = sent.length;
    await change({ ...big, c: 'z' });
    expect(sent).toHaveLength(before);
    await want(big, 100);
    expect(sent).toHaveLength(before + 1);
    expect(last().message.objects).toHaveLength(1);
    expect(Object.keys(last().message.entries)).toHaveLength(3);
  });

  test('a board that did not hear of it asks for others in vain, and hears of it again', async () => {
    const { sender, sent, want, clock } = await setUp(big);
    sender.start(undefined, true);
    await clock.advance(0);
    for (let count = 0; count < 5; count++) {
      await want({ other: 'z' });
      await clock.advance(10_000);
    }
    expect(sent.length).toBeGreaterThan(1);
  });

  test('pages are cut between characters and put together again', () => {
    const whole = content({ a: 'ä€😀'.repeat(50), b: 'b' });
    const pages = new ObjectPages(whole);
    const [first, second] = [...whole.entries.values()];
    for (const bytes of [4, 5, 7, 64, 10_000]) {
      let text = '';
      let offset = 0;
      for (let count = 0; count < 1000 && textDigest(text) !== first?.digest; count++) {
        const [part] = pages.page([{ digest: first?.digest ?? '', offset }], bytes);
        text += part?.text ?? '';
        offset += Buffer.byteLength(part?.text ?? '');
        expect(Buffer.byteLength(part?.text ?? '')).toBeLessThanOrEqual(bytes);
      }
      expect(text).toBe(first?.text());
    }
    const wants = [first, { digest: 'unknown' }, second].map((entry) => ({ digest: entry?.digest ?? '', offset: 0 }));
    expect(pages.page(wants, 10_000).map(({ digest }) => digest)).toEqual([first?.digest, second?.digest]);
    expect(pages.page([{ digest: first?.digest ?? '', offset: 1_000_000 }], 100)).toEqual([]);
  });
});
