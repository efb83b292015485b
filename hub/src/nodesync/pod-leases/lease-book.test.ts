import { describe, expect, it } from 'vitest';
import { LeaseBook } from './lease-book.ts';

const pod = { uid: 'u', leaseMs: 10_000, fresh: false, old: false };
/** Lease, one percent, five seconds. */
const waitMs = 15_100;

describe('the hub', () => {
  it('gives a pod up when lease, grace and drift are over since the last grant', () => {
    const book = new LeaseBook({ startMs: 0 });
    expect(book.grant(pod, 100_000)).toBe(true);
    expect(book.giveUp('u', 10_000, 100_000 + waitMs - 1)).toBe(false);
    expect(book.grant(pod, 110_000)).toBe(true);
    expect(book.giveUp('u', 10_000, 100_000 + waitMs)).toBe(false);
    expect(book.giveUp('u', 10_000, 110_000 + waitMs)).toBe(true);
  });

  it('grants nothing from then on, until the store says what becomes of the pod', () => {
    const book = new LeaseBook({ startMs: 0 });
    expect(book.giveUp('u', 10_000, 100_000)).toBe(true);
    expect(book.grant(pod, 100_000)).toBe(false);
    book.settle('u');
    expect(book.grant(pod, 100_000)).toBe(true);
  });

  it('takes it after a start that every board was granted a term just before', () => {
    const book = new LeaseBook({ startMs: 50_000 });
    expect(book.overAtMs('u', 10_000)).toBe(50_000 + waitMs);
    expect(book.giveUp('u', 10_000, 50_000 + waitMs - 1)).toBe(false);
    expect(book.giveUp('u', 10_000, 50_000 + waitMs)).toBe(true);
  });

  it('renews in its first term, but begins anew only what is younger than itself', () => {
    const book = new LeaseBook({ startMs: 50_000 });
    expect(book.grant({ ...pod, old: true }, 50_000)).toBe(true);
    expect(book.grant({ ...pod, fresh: true }, 50_000)).toBe(true);
    expect(book.grant({ ...pod, fresh: true, old: true }, 50_000 + waitMs - 1)).toBe(false);
    expect(book.grant({ ...pod, fresh: true, old: true }, 50_000 + waitMs)).toBe(true);
  });

  it('counts the longest of the terms that were granted', () => {
    const book = new LeaseBook({ startMs: 0 });
    book.grant({ ...pod, leaseMs: 100_000 }, 1000);
    book.grant(pod, 2000);
    expect(book.overAtMs('u', 10_000)).toBe(1000 + 101_000 + 5000);
    book.forget('u');
    expect(book.overAtMs('u', 10_000)).toBe(waitMs);
  });
});
