import { expect, it } from 'vitest';
import { advertiseAddress } from './advertise-address.ts';

it('is where another machine reaches the API, or nowhere', () => {
  const local = ['board', '127.0.0.1', '::1', '169.254.1.1', '192.168.1.7', '10.0.0.7'];
  expect(advertiseAddress('0.0.0.0', local)).toBe('192.168.1.7');
  expect(advertiseAddress('::', local)).toBe('192.168.1.7');
  expect(advertiseAddress('10.0.0.7', local)).toBe('10.0.0.7');
  expect(advertiseAddress('127.0.0.1', local)).toBeUndefined();
  expect(advertiseAddress('0.0.0.0', ['board', '127.0.0.1'])).toBeUndefined();
});
