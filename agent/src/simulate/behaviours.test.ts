import { describe, expect, it } from 'vitest';
import { type BehaviourShares, behaviourOf, parseBehaviours } from './behaviours.ts';

describe('parseBehaviours', () => {
  it('reads shares', () => {
    expect(parseBehaviours('')).toEqual({});
    expect(parseBehaviours('flapping=5%,skewed-clock=0.5%')).toEqual({ flapping: 0.05, 'skewed-clock': 0.005 });
    expect(parseBehaviours('slow=50%,cut=50%')).toEqual({ slow: 0.5, cut: 0.5 });
  });

  it.each(['late=5%', 'flapping', 'flapping=5', 'flapping=-5%', 'slow=101%', 'slow=60%,cut=50%'])('refuses %s', (text) => {
    expect(() => parseBehaviours(text)).toThrow(/is not NAME=PERCENT%|together/);
  });
});

describe('behaviourOf', () => {
  const count = (shares: BehaviourShares, first: number, boards: number): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let number = first; number < first + boards; number++) {
      const name = behaviourOf(number, shares) ?? 'none';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };

  it('gives any run of boards its shares', () => {
    for (const first of [0, 1000, 54_321]) {
      const counts = count({ flapping: 0.05, dying: 0.1 }, first, 1000);
      expect(counts['flapping']).toBeGreaterThanOrEqual(45);
      expect(counts['flapping']).toBeLessThanOrEqual(55);
      expect(counts['dying']).toBeGreaterThanOrEqual(92);
      expect(counts['dying']).toBeLessThanOrEqual(108);
    }
  });

  it('gives none to nobody, and one to all', () => {
    expect(count({}, 0, 100)).toEqual({ none: 100 });
    expect(count({ slow: 1 }, 0, 100)).toEqual({ slow: 100 });
  });
});
