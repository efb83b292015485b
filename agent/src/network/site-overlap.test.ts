import { expect, test } from 'vitest';
import { siteOverlap } from './site-overlap.ts';

const host = (name: string, cidr: string | null, internal = false): { name: string; cidr: string | null; internal: boolean } => ({
  name,
  cidr,
  internal,
});

test('names the site’s network that collides', () => {
  const addresses = [host('lo', '127.0.0.1/8', true), host('eth0', '100.64.3.9/20'), host('eth0', 'fe80::1/64')];
  expect(siteOverlap('100.64.0.64/26', addresses)).toBe('podCIDR 100.64.0.64/26 overlaps with 100.64.0.0/20 on eth0');
  expect(siteOverlap('100.64.16.0/26', addresses)).toBeUndefined();
});

test('a wide route of the site covers a narrow podCIDR, and the other way round', () => {
  expect(siteOverlap('10.0.0.0/8', [host('wlan0', '10.20.30.40/32')])).toContain('10.20.30.40/32 on wlan0');
  expect(siteOverlap('10.9.0.0/26', [host('tun0', '10.1.2.3/8')])).toContain('10.0.0.0/8 on tun0');
});

test('our own bridge and what is internal do not count', () => {
  expect(
    siteOverlap('10.9.0.0/26', [host('flt0123456789', '10.9.0.1/26'), host('lo', '10.9.0.1/32', true), host('x', null)]),
  ).toBeUndefined();
});
