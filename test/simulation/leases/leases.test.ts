import { expect, it } from 'vitest';
import { leaseFaults, leaseLife } from './lease-life.ts';
import type { Mistakes } from './sim-board.ts';

/** What a partition must never do: the same pod on two boards. */
it('an exclusive pod never runs twice, whatever strikes when', () => {
  const struck = new Map<string, number>();
  const sums = { replaced: 0, kills: 0, starts: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const { faults, ...life } = leaseLife(seed);
    for (const [fault, times] of Object.entries(faults)) struck.set(fault, (struck.get(fault) ?? 0) + times);
    for (const name of ['replaced', 'kills', 'starts'] as const) sums[name] += life[name];
  }
  for (const fault of leaseFaults) expect(struck.get(fault), fault).toBeGreaterThan(100);
  expect(sums.replaced).toBeGreaterThan(100);
  expect(sums.kills).toBeGreaterThan(50);
  expect(sums.starts).toBeGreaterThan(100);
});

it('the same seed gives the same life', () => {
  expect(leaseLife(7)).toEqual(leaseLife(7));
});

it.each<[string, Mistakes]>([
  ['a grant counted from receipt', { fromReceipt: true }],
  ['no grace added', { noGrace: true }],
  ['a grant after a reboot taken from disk', { fromDisk: true }],
  ['a restored hub that grants at once', { freshAtOnce: true }],
])('%s is noticed', (_what, mistakes) => {
  const noticed = (): string => {
    for (let seed = 1; seed <= 200; seed++) {
      try {
        leaseLife(seed, mistakes);
      } catch (error) {
        return String(error);
      }
    }
    return 'nothing';
  };
  expect(noticed()).toContain('two run at');
});
