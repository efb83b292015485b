import { describe, expect, test } from 'vitest';
import { AddressPool, parseCidr } from './address-pool.ts';

describe('AddressPool', () => {
  test('gives every address but network, bridge and broadcast, then none', () => {
    const pool = new AddressPool('100.64.0.64/29');
    const taken = new Set<string>();
    for (let ip = pool.take((one) => taken.has(one)); ip; ip = pool.take((one) => taken.has(one))) taken.add(ip);
    expect([...taken]).toEqual(['100.64.0.66', '100.64.0.67', '100.64.0.68', '100.64.0.69', '100.64.0.70']);
    expect(pool.gateway).toBe('100.64.0.65');
  });

  test('an address given back comes last in turn', () => {
    const pool = new AddressPool('10.0.0.0/29');
    const first = pool.take(() => false);
    expect(pool.take(() => false)).not.toBe(first);
    const busy = new Set(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(pool.take((ip) => busy.has(ip))).toBe('10.0.0.2');
  });

  test('knows its own', () => {
    const pool = new AddressPool('10.1.2.0/26');
    expect(pool.contains('10.1.2.63')).toBe(true);
    expect(pool.contains('10.1.2.64')).toBe(false);
    expect(pool.contains('10.1.1.255')).toBe(false);
    expect(pool.contains('nonsense')).toBe(false);
  });

  test.each(['', '10.0.0.0', '10.0.0.0/33', '10.0.0.256/24', '10.0.0.1/24', '01.0.0.0/8', '10.0.0.0/31', 'fd00::/64'])(
    'refuses %j',
    (cidr) => {
      expect(() => new AddressPool(cidr)).toThrow(Error);
    },
  );
});

test('parseCidr keeps the highest addresses positive', () => {
  expect(parseCidr('255.255.255.0/24').base).toBe(0xffffff00);
});
