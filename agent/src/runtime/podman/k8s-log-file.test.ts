import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RuntimeLogOptions } from '../log-filter.ts';
import { parseRecord, readK8sLog } from './k8s-log-file.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-test-log-'));
  path = join(dir, '0.log');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const line = (text: string, tag = 'F', second = 0): string =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.5+00:00 stdout ${tag} ${text}\n`;

class Writer {
  ended = false;
  #wake: (() => void) | undefined;

  read(options: RuntimeLogOptions, signal = new AbortController().signal): AsyncIterable<Buffer> {
    const source = {
      path,
      nowWallMs: Date.parse('2026-01-01T00:01:00Z'),
      ended: async () => this.ended,
      onMaybeEnded: (wake: () => void) => {
        this.#wake = wake;
        return { stop: () => {} };
      },
    };
    return readK8sLog(source, options, signal);
  }

  end(): void {
    this.ended = true;
    this.#wake?.();
  }
}

async function all(parts: AsyncIterable<Buffer>): Promise<string> {
  const list: Buffer[] = [];
  for await (const part of parts) list.push(part);
  return Buffer.concat(list).toString();
}

describe('readK8sLog', () => {
  test('joins parts of a line, keeps empty lines, leaves out what conmon did not write', async () => {
    await writeFile(path, `${line('long ', 'P')}${line('line')}${line('')}nonsense\n${line('last', 'P')}`);
    expect(await all(new Writer().read({}))).toBe('long line\n\nlast');
    expect(await all(new Writer().read({ timestamps: true }))).toBe(
      '2026-01-01T00:00:00.500000000Z long line\n2026-01-01T00:00:00.500000000Z \n2026-01-01T00:00:00.500000000Z last',
    );
  });

  test.each([
    [1, 'last'],
    [2, 'c\nlast'],
    [3, 'b1b2\nc\nlast'],
    [4, 'a\nb1b2\nc\nlast'],
    [100, 'a\nb1b2\nc\nlast'],
    [0, ''],
  ])('the last %d lines', async (tailLines, expected) => {
    await writeFile(path, `${line('a')}${line('b1', 'P')}${line('b2')}${line('c')}${line('last', 'P')}`);
    expect(await all(new Writer().read({ tailLines }))).toBe(expected);
  });

  test('the tail of a long file', async () => {
    const texts = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 50)}`);
    await writeFile(path, texts.map((text) => line(text)).join(''));
    for (const tailLines of [1, 999, 5000, 19_999, 20_000]) {
      expect(await all(new Writer().read({ tailLines }))).toBe(`${texts.slice(-tailLines).join('\n')}\n`);
    }
  });

  test('since a time, since some seconds, and up to a number of bytes', async () => {
    await writeFile(path, [0, 10, 20].map((second) => line(`s${second}`, 'F', second)).join(''));
    expect(await all(new Writer().read({ sinceTime: '2026-01-01T00:00:10Z' }))).toBe('s10\ns20\n');
    expect(await all(new Writer().read({ sinceSeconds: 45 }))).toBe('s20\n');
    expect(await all(new Writer().read({ limitBytes: 5 }))).toBe('s0\ns1');
  });

  test('no file is an empty log', async () => {
    expect(await all(new Writer().read({}))).toBe('');
  });

  test('follows what is written, into the next file, up to the end', async () => {
    const writer = new Writer();
    await writeFile(path, line('one'));
    const seen: string[] = [];
    const reading = (async () => {
      for await (const part of writer.read({ follow: true })) seen.push(part.toString());
    })();
    await expect.poll(() => seen.join('')).toBe('one\n');
    await appendFile(path, line('two').slice(0, 20));
    await appendFile(path, line('two').slice(20));
    await expect.poll(() => seen.join('')).toBe('one\ntwo\n');
    await writeFile(join(dir, 'next'), line('three'));
    await rename(join(dir, 'next'), path);
    await expect.poll(() => seen.join('')).toBe('one\ntwo\nthree\n');
    await appendFile(path, line('four'));
    writer.end();
    await reading;
    expect(seen.join('')).toBe('one\ntwo\nthree\nfour\n');
  });

  test('follows a file that is not there yet, until the caller has enough', async () => {
    const giveUp = new AbortController();
    const reading = all(new Writer().read({ follow: true }, giveUp.signal));
    await writeFile(path, line('late'));
    giveUp.abort();
    expect(await reading).toMatch(/^(late\n)?$/);
  });
});

test('parseRecord converts to UTC and keeps bytes that are no text', () => {
  expect(parseRecord(Buffer.from('2026-01-01T01:00:00.123+01:00 stderr F x y'))).toEqual({
    time: '2026-01-01T00:00:00.123000000Z',
    endsLine: true,
    text: Buffer.from('x y'),
  });
  const binary = Buffer.concat([Buffer.from('2026-01-01T00:00:00Z stdout P '), Buffer.from([0xff, 0x00, 0xfe])]);
  expect(parseRecord(binary)?.text).toEqual(Buffer.from([0xff, 0x00, 0xfe]));
  expect(parseRecord(Buffer.from('2026-01-01 stdout F x'))).toBeUndefined();
  expect(parseRecord(Buffer.from('2026-01-01T00:00:00Z stdout X x'))).toBeUndefined();
});
