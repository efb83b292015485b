import { describe, expect, it } from 'vitest';
import { budgetAnnotations, budgetMonth, budgetSettings, validateBudgetAnnotations } from './board-budget.ts';

const { dataBudget, dataBudgetDay, dataBudgetOverride, flashBudget, profile } = budgetAnnotations;
const words = (annotations: Record<string, string>): string[] =>
  validateBudgetAnnotations(annotations, 'metadata').map(({ field, detail }) => `${field}: ${detail}`);

describe('annotations of budgets', () => {
  it('are read', () => {
    expect(budgetSettings(undefined)).toEqual({});
    const annotations = {
      [profile]: 'metered',
      [dataBudget]: '500M',
      [dataBudgetDay]: '28',
      [dataBudgetOverride]: '2026-01-31T12:00:00+01:00',
      [flashBudget]: 'none',
    };
    expect(words(annotations)).toEqual([]);
    expect(budgetSettings(annotations)).toEqual({
      profile: 'metered',
      dataBytes: 500_000_000,
      dataDay: 28,
      overrideUntilMs: Date.UTC(2026, 0, 31, 11),
      flashBytes: Number.POSITIVE_INFINITY,
    });
  });

  it.each([
    [profile, 'cheap', ''],
    [dataBudget, '500 MB', 'must be none, or a quantity of at least 100000 bytes like 500M'],
    [dataBudget, '99k', 'must be none, or a quantity of at least 100000 bytes like 500M'],
    [dataBudget, '-1', 'must be none, or a quantity of at least 100000 bytes like 500M'],
    [dataBudgetDay, '29', 'must be a day of every month, 1 to 28'],
    [dataBudgetDay, '0', 'must be a day of every month, 1 to 28'],
    [dataBudgetOverride, 'tomorrow', 'must be a time like 2026-01-31T12:00:00Z'],
    [dataBudgetOverride, '2026-13-31T12:00:00Z', 'must be a time like 2026-01-31T12:00:00Z'],
    [flashBudget, '1', 'must be none, or a quantity of at least 100000 bytes like 500M'],
  ])('are refused when they make no sense: %s=%s', (name, text, detail) => {
    const found = words({ [name]: text });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`metadata.annotations[${name}]`);
    expect(found[0]).toContain(detail);
    expect(budgetSettings({ [name]: text })).toEqual({});
  });

  it('have their bounds on both sides', () => {
    expect(words({ [dataBudget]: '100k', [dataBudgetDay]: '1', [flashBudget]: '100k' })).toEqual([]);
  });
});

it.each([
  ['2026-03-15T00:00:00Z', 1, '2026-03-01', '2026-04-01'],
  ['2026-03-15T00:00:00Z', 15, '2026-03-15', '2026-04-15'],
  ['2026-03-14T23:59:59Z', 15, '2026-02-15', '2026-03-15'],
  ['2026-01-05T00:00:00Z', 28, '2025-12-28', '2026-01-28'],
  ['2026-12-31T00:00:00Z', 1, '2026-12-01', '2027-01-01'],
])('the month of a budget in %s with day %i', (now, day, start, end) => {
  const { startMs, endMs } = budgetMonth(Date.parse(now), day);
  expect([startMs, endMs]).toEqual([Date.parse(start), Date.parse(end)]);
});
