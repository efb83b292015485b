import { describe, expect, it } from 'vitest';
import { parseDuration, parseListen, parseSeconds } from './parse.ts';

describe('parseListen', () => {
  it.each([
    ['127.0.0.1:6443', { host: '127.0.0.1', port: 6443 }],
    [':0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:8883', { host: '::1', port: 8883 }],
  ])('reads %s', (text, parsed) => {
    expect(parseListen('--listen', text)).toEqual(parsed);
  });

  it.each(['6443', 'host:', 'host:99999', '::1:80'])('refuses %s', (text) => {
    expect(() => parseListen('--listen', text)).toThrow(`--listen ${JSON.stringify(text)} is not HOST:PORT`);
  });
});

describe('parseDuration', () => {
  it.each([
    ['90d', 90 * 86_400_000],
    ['1h30m', 5_400_000],
    ['0.5s', 500],
  ])('reads %s', (text, ms) => {
    expect(parseDuration('--ttl', text)).toBe(ms);
  });

  it.each(['', '1', 'h', '1h later', '-1h'])('refuses "%s"', (text) => {
    expect(() => parseDuration('--ttl', text)).toThrow(/^--ttl .* is not a duration/);
  });
});

describe('parseSeconds', () => {
  it.each([
    ['0', 0],
    ['300', 300],
  ])('reads %s', (text, parsed) => {
    expect(parseSeconds('--wait', text)).toBe(parsed);
  });

  it.each(['', '-1', '5m', '1.5'])('refuses %j', (text) => {
    expect(() => parseSeconds('--wait', text)).toThrow(`--wait ${JSON.stringify(text)} is not a whole number of seconds`);
  });
});
