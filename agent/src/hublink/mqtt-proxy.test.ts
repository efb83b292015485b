import { describe, expect, test } from 'vitest';
import { proxyFor } from './mqtt-proxy.ts';

const from = (env: Record<string, string>, proxy?: string) => {
  const find = proxyFor({ env, proxy });
  return (host: string, port = 6443): string | undefined => {
    const found = find(host, port);
    return found && `${found.host}:${found.port}`;
  };
};

describe('which proxy', () => {
  test('none, from the environment, or by the option', () => {
    expect(from({})('hub')).toBeUndefined();
    expect(from({ HTTPS_PROXY: 'http://p:3128' })('hub')).toBe('p:3128');
    expect(from({ https_proxy: 'p:3128' })('hub')).toBe('p:3128');
    expect(from({ HTTPS_PROXY: 'http://p:3128' }, 'http://[2001:db8::1]:8080')('hub')).toBe('2001:db8::1:8080');
    expect(from({ HTTPS_PROXY: 'http://p' })('hub')).toBe('p:80');
  });

  test('from the environment never for this machine itself; by the option always', () => {
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1']) {
      expect(from({ HTTPS_PROXY: 'http://p:3128' })(host)).toBeUndefined();
      expect(from({}, 'http://p:3128')(host)).toBe('p:3128');
    }
  });

  test.for<[string, string, boolean]>([
    ['hub.example', 'hub.example', false],
    ['example', 'hub.example', false],
    ['.example', 'hub.example', false],
    ['*.example', 'hub.example', false],
    ['.hub.example', 'hub.example', true],
    ['ample', 'hub.example', true],
    ['HUB.Example', 'hub.example', false],
    ['other, hub.example:6443', 'hub.example', false],
    ['hub.example:443', 'hub.example', true],
    ['10.0.0.0/8', '10.9.8.7', false],
    ['10.0.0.0/8', '11.9.8.7', true],
    ['10.0.0.0/99,x/8', '10.9.8.7', true],
    ['10.9.8.7', '10.9.8.7', false],
    ['9.8.7', '10.9.8.7', true],
    ['2001:db8::/32', '2001:db8::1', false],
    ['[2001:db8::1]:6443', '2001:db8::1', false],
    ['*', 'anything', false],
    ['', 'anything', true],
  ])('NO_PROXY=%s and %s: used is %s', ([noProxy, host, used]) => {
    expect(from({ HTTPS_PROXY: 'http://p:1', NO_PROXY: noProxy })(host) !== undefined).toBe(used);
  });

  test('credentials are decoded and never repeated in an error', () => {
    const proxy = proxyFor({ env: {}, proxy: 'http://us%40er:p%3Aw@p:1' })('hub', 1);
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('us@er:p:w').toString('base64')}`);
    for (const bad of ['https://user:secret@p:1', 'socks5://user:secret@p', 'http://user:secret@p/path', 'user:secret@'])
      expect(() => proxyFor({ env: {}, proxy: bad })).toThrow('the proxy must be given as http://[USER:PASSWORD@]HOST:PORT');
  });
});
