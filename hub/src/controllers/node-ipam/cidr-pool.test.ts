import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CidrPool } from './cidr-pool.ts';

describe('cidr pool', () => {
  it('gives every block once and then none', () => {
    const pool = new CidrPool('10.0.0.0/24', 26);
    expect([1, 2, 3, 4, 5].map(() => pool.allocate())).toEqual([
      '10.0.0.0/26',
      '10.0.0.64/26',
      '10.0.0.128/26',
      '10.0.0.192/26',
      undefined,
    ]);
    pool.release('10.0.0.64/26');
    expect(pool.allocate()).toBe('10.0.0.64/26');
  });

  it('begins where it is told to and goes round', () => {
    const pool = new CidrPool('10.0.0.0/24', 26, 4 * 1000 + 3);
    expect([pool.allocate(), pool.allocate()]).toEqual(['10.0.0.192/26', '10.0.0.0/26']);
  });

  it('leaves out what somebody has, of any size', () => {
    const pool = new CidrPool('10.0.0.0/24', 26);
    pool.occupy('10.0.0.0/25');
    pool.occupy('192.168.0.0/16');
    expect([pool.allocate(), pool.allocate(), pool.allocate()]).toEqual(['10.0.0.128/26', '10.0.0.192/26', undefined]);
  });

  it('never gives a block twice', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (steps) => {
        const pool = new CidrPool('100.64.0.0/20', 26);
        const held: string[] = [];
        for (const take of steps) {
          const block = take ? pool.allocate() : undefined;
          if (block) {
            expect(held).not.toContain(block);
            held.push(block);
          } else if (held.length > 0) pool.release(held.shift() ?? '');
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what is no range', () => {
    expect(() => new CidrPool('300.0.0.0/8', 26)).toThrow('not an IPv4 CIDR');
    expect(() => new CidrPool('10.0.0.0/27', 26)).toThrow('no room');
  });
});
