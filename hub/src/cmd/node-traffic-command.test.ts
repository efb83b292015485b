import { expect, test } from 'vitest';
import { trafficText } from './node-traffic-command.ts';

const counts = (up: number, down: number) => ({ up, down, monthUp: up / 2, monthDown: down / 2 });
const traffic = {
  sinceMs: Date.UTC(2026, 0, 1),
  monthSinceMs: Date.UTC(2026, 1, 15),
  classes: { heartbeat: counts(76_000, 76_000), images: counts(1_000_000, 80_000_000) },
  profile: 'metered',
  shed: [],
  keepAliveMs: 600_000,
  flash: { bytes: 1_234_567, syncs: 340 },
} as const;

test('figures for a person, with a budget and without', () => {
  const of = { node: 'pi-1', asOfMs: Date.UTC(2026, 1, 20) };
  expect(trafficText({ ...of, traffic })).toBe(`Node pi-1, profile metered, as of 2026-02-20T00:00:00Z
Counted since 2026-01-01T00:00:00Z; this month since 2026-02-15T00:00:00Z
Data budget: none
Keep-alive: 600 s
Flash, since midnight UTC: 1.2 MB with 340 syncs; no budget

CLASS       UP       DOWN      THIS MONTH   OF BUDGET
heartbeat   76 kB    76 kB     76 kB        -
images      1 MB     80 MB     40.5 MB      -
all         1.1 MB   80.1 MB   40.6 MB      -
`);
  const budget = { budgetBytes: 50_000_000, shed: ['logs'] as const, overrideUntilMs: Date.UTC(2026, 1, 21) };
  const text = trafficText({ ...of, traffic: { ...traffic, ...budget, flash: { ...traffic.flash, budgetBytes: 50_000_000 } } });
  expect(text).toContain('Data budget: 50 MB a month, 81 % used; held back: logs; overridden until 2026-02-21T00:00:00Z\n');
  expect(text).toMatch(/images .* 81 %\n/);
  expect(text).toContain('budget 50 MB a day\n');
});
