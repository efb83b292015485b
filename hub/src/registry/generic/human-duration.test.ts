import { expect, it } from 'vitest';
import { humanDuration, since } from './human-duration.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

it.each([
  [-5 * second, '<invalid>'],
  [-1 * second, '0s'],
  [0, '0s'],
  [119 * second, '119s'],
  [120 * second, '2m'],
  [150 * second, '2m30s'],
  [10 * minute + 30 * second, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [3 * hour + 5 * minute, '3h5m'],
  [47 * hour, '47h'],
  [2 * day, '2d'],
  [2 * day + 3 * hour, '2d3h'],
  [8 * day + 3 * hour, '8d'],
  [730 * day, '2y'],
  [800 * day, '2y70d'],
  [3000 * day, '8y'],
])('writes %d ms as %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

it('knows no age without a time', () => {
  expect(since(undefined, 0)).toBe('<unknown>');
  expect(since('nonsense', 0)).toBe('<unknown>');
  expect(since('1970-01-01T00:00:00Z', 5000)).toBe('5s');
});
