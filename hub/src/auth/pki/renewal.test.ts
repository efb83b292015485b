import { X509Certificate } from 'node:crypto';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { expect, test, vi } from 'vitest';
import { openPki, type Pki } from './pki.ts';
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
  const looks = async (count: number): Promise<void> => {
    for (let look = 0; look < count; look++) {
      const before = checks;
      await clock.advance(10 * 60_000);
      await vi.waitFor(() => expect(checks).toBe(before + 1), { timeout: 10_000 });
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  clock.jumpWall(240 * dayMs);
  await looks(2);
  expect(renewed).toEqual([]);
  clock.jumpWall(10 * dayMs);
  await looks(3);
  expect(renewed).toHaveLength(2);
  expect(renewed[0]).not.toBe(first);
  expect(renewed[1]).toBe(renewed[0]);
  await renewal.stop();
  await clock.advance(dayMs);
  expect(checks).toBe(5);
});

test('stopping waits for the look that is under way', async () => {
  const clock = new FakeClock();
  const { promise: written, resolve: write } = Promise.withResolvers<boolean>();
  const renewal = keepRenewed({ pki: { renew: () => written }, clock, logger: silentLogger, renewed: () => {} });
  await clock.advance(10 * 60_000);
  let stopped = false;
  const stopping = renewal.stop().then(() => (stopped = true));
  await clock.advance(dayMs);
  expect(stopped).toBe(false);
  write(true);
  await stopping;
});

const openAt = async (wallMs: number) => {
  const clock = new FakeClock(wallMs);
  const options = { files: new FakeFiles(), dir: '/pki', clock, random: new SeededRandom(1) };
  return { clock, options, pki: await openPki(options) };
};
const years = ({ cert }: { cert: string }): [number, number] => {
  const { validFrom, validTo } = new X509Certificate(cert);
  return [new Date(validFrom).getUTCFullYear(), new Date(validTo).getUTCFullYear()];
};

test.for([1970, 2038, 2099])('made while the clock said %s, the authority is valid always and the rest heals', async (year) => {
  const { clock, pki } = await openAt(Date.UTC(year, 5, 1));
  expect(years({ cert: pki.caCertPem })).toEqual([1970, 9999]);
  expect(years({ cert: pki.boardsCaCertPem })).toEqual([1970, 9999]);
  expect(years(pki.serverTls())).toEqual([year, year + 1]);
  clock.jumpWall(Date.UTC(2026, 5, 1) - clock.wallMs());
  expect(await pki.renew()).toBe(true);
  expect(years(pki.serverTls())).toEqual([2026, 2027]);
  expect(await pki.renew()).toBe(false);
});

test('session keys are new every day of running; a restart goes on with those of the last day', async () => {
  const { clock, options, pki } = await openAt(Date.UTC(2026, 5, 1));
  const key = (of: Pki): string => of.serverTls().session.ticketKeys.toString('hex');
  const first = key(pki);
  await clock.advance(dayMs - 1);
  expect(await pki.renew()).toBe(false);
  expect(key(await openPki(options))).toBe(first);
  await clock.advance(1);
  expect(await pki.renew()).toBe(true);
  const second = key(pki);
  expect(second).not.toBe(first);
  expect(key(await openPki(options))).toBe(second);
  clock.jumpWall(-dayMs);
  expect(key(await openPki(options))).not.toBe(second);
});
