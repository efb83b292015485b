import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { written } from '@flotilla/hub/store/contract.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { afterAll, beforeAll, expect, test } from 'vitest';

const rounds = 10;
const writer = new URL('./store-writer.ts', import.meta.url).pathname;
const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-crash-'));
});
afterAll(() => rm(dir, { recursive: true }));

interface Acknowledged {
  readonly what: string;
  readonly key: string;
  readonly revision: number;
}

/** Lets the writer run until it has acknowledged so many writes, and kills it right then. */
async function writeAndKill(file: string, round: number, acknowledgements: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [writer, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let text = '';
  let lines = 0;
  for await (const chunk of child.stdout) {
    text += chunk;
    lines += String(chunk).split('\n').length - 1;
    if (lines >= acknowledgements) child.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [what = '', key = '', revision = ''] = line.split(' ');
      return { what, key, revision: Number(revision) };
    });
}

test('killed at any time, the store has everything that was acknowledged and gives no revision twice', async () => {
  const file = join(dir, 'store.db');
  const random = new SeededRandom(7);
  const all: Acknowledged[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = all.reduce((highest, { revision }) => Math.max(highest, revision), 0);
    const acknowledged = await writeAndKill(file, round, 1 + Math.floor(random.next() * 1500));
    expect(acknowledged[0]?.revision).toBeGreaterThanOrEqual(before);
    for (const { what, revision } of acknowledged) if (what !== 'open') expect(revision).toBeGreaterThan(before);
    all.push(...acknowledged);

    const store = await SqliteStore.open({ file, clock: new SystemClock(), logger, reserveBytes: 4096 });
    const held = new Map((await store.list('/')).items.map((item) => [item.key, item.revision]));
    const highest = all.reduce((most, { revision }) => Math.max(most, revision), 0);
    expect(await written(store.put('/probe', 'x'))).toBeGreaterThan(highest);
    await store.close();
    const missing = all.filter(({ what, key, revision }) => {
      if (what === 'keep') return held.get(key) !== revision;
      if (what === 'gone') return held.has(key);
      return what === 'counter' && (held.get(key) ?? 0) < revision;
    });
    expect(missing).toEqual([]);
    const revisions = all.filter(({ what }) => what !== 'open').map(({ revision }) => revision);
    expect(new Set(revisions).size).toBe(revisions.length);
  }
  expect(all.length).toBeGreaterThan(rounds * 100);
});
