import { expect, test } from 'vitest';
import { parseTraffic, parseTrafficQuestion } from './traffic-messages.ts';

const traffic = {
  sinceMs: 1,
  monthSinceMs: 2,
  classes: { heartbeat: { up: 1, down: 2, monthUp: 3, monthDown: 4 }, apps: { up: 5, down: 6, monthUp: 7, monthDown: 8 } },
  profile: 'metered',
  budgetBytes: 500,
  shed: ['logs', 'metrics'],
  keepAliveMs: 60_000,
  flash: { bytes: 9, syncs: 10, budgetBytes: 11 },
};

test('figures are read, and what is not known is left out', () => {
  expect(parseTraffic({ session: 1, answer: 2, traffic })).toEqual({ session: 1, answer: 2, traffic });
  const newer = { ...traffic, classes: { ...traffic.classes, satellites: { up: 1 } }, shed: ['lights', 'logs', 'metrics'] };
  expect(parseTraffic({ session: 1, traffic: newer })).toEqual({ session: 1, traffic });
  expect(parseTrafficQuestion({ session: 1, question: 3 })).toEqual({ session: 1, question: 3 });
});

test.each([
  ['no figures', { session: 1 }],
  ['a class without a count', { session: 1, traffic: { ...traffic, classes: { heartbeat: { up: 1, down: 2, monthUp: 3 } } } }],
  ['a negative count', { session: 1, traffic: { ...traffic, classes: { heartbeat: { up: -1, down: 2, monthUp: 3, monthDown: 4 } } } }],
  ['no flash', { session: 1, traffic: { ...traffic, flash: undefined } }],
  ['a profile that is no text', { session: 1, traffic: { ...traffic, profile: 7 } }],
  ['more held back than there is', { session: 1, traffic: { ...traffic, shed: Array.from({ length: 17 }, () => 'logs') } }],
])('%s is refused', (_what, value) => {
  expect(() => parseTraffic(value)).toThrow();
});
