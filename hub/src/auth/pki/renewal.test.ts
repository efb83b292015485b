import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { expect, test, vi } from 'vitest';
import { openPki } from './pki.ts';
import { keepRenewed } from './renewal.ts';

const dayMs = 24 * 3_600_000;

test('certificates are renewed while the hub runs, and what failed to take them tries again', async () => {
  const clock = new FakeClock(Date.UTC(2026, 10, 21));
  const pki = await openPki({ files: new FakeFiles(), dir: '/pki', clock, random: new SeededRandom(1) });
  const first = pki.serverTls().cert;
  let checks = 0;
  const renewed: string[] = [];
  const renewal = keepRenewed({
    pki: {
      renew: async () => {
        const changed = await pki.renew();
        checks++;
        return changed;
      },
    },
    clock,
    logger: silentLogger,
    renewed: () => {
      renewed.push(pki.serverTls().cert);
      if (renewed.length === 1) throw new Error('the disk is full');
    },
  });
  const days = async (count: number): Promise<void> => {
    for (let day = 0; day < count; day++) {
      const before = checks;
      await clock.advance(dayMs);
      await vi.waitFor(() => expect(checks).toBe(before + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await days(240);
  expect(renewed).toEqual([]);
  await days(10);
  expect(renewed).toHaveLength(2);
  expect(renewed[0]).not.toBe(first);
  expect(renewed[1]).toBe(renewed[0]);
  renewal.stop();
  await clock.advance(dayMs);
  expect(checks).toBe(250);
});
