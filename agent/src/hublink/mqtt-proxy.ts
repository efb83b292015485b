import { BlockList, connect, isIP, type Socket } from 'node:net';

/** A CONNECT proxy. Its credentials are in nothing that is logged or thrown. */
export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** The value of Proxy-Authorization. */
  readonly authorization: string | undefined;
}

/** The proxy for a destination; undefined is the direct way. */
export type ProxyFor = (host: string, port: number) => Proxy | undefined;

export interface ProxySettings {
  /** `--proxy`: used for every destination but those of `noProxy`. */
  readonly proxy?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * As curl and Go read the environment: HTTPS_PROXY (or https_proxy) names the proxy, NO_PROXY who is reached without: names (with all
 * below them), addresses, networks, each with a port or without, `*` for all. A proxy from the environment is never used for this
 * machine itself. @throws Error with words for whoever set it, without the credentials
 */
export function proxyFor({ proxy, env }: ProxySettings): ProxyFor {
  const text = proxy ?? env['HTTPS_PROXY'] ?? env['https_proxy'] ?? '';
  if (!text) return () => undefined;
  const there = parseProxy(text);
  const except = (env['NO_PROXY'] ?? env['no_proxy'] ?? '').split(',').map((entry) => entry.trim().toLowerCase());
  return (host, port) => {
    const name = host.toLowerCase();
    if (proxy === undefined && isLoopback(name)) return undefined;
    return except.some((entry) => matches(entry, name, port)) ? undefined : there;
  };
}

/** `http://[USER:PASSWORD@]HOST[:PORT]`. @throws Error that does not repeat what may be a password */
function parseProxy(text: string): Proxy {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol !== 'http:' || !url.hostname || url.pathname.length > 1 || url.search || url.hash)
    throw new Error('the proxy must be given as http://[USER:PASSWORD@]HOST:PORT');
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  const credentials = Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port ? Number(url.port) : 80,
    authorization: user || password ? `Basic ${credentials}` : undefined,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const [name, only] = splitPort(entry);
  if (only !== undefined && only !== port) return false;
  const family = isIP(host);
  if (name.includes('/')) return family > 0 && inNetwork(name, host, family);
  if (family > 0) return name === host;
  const below = name.replace(/^\*?\./, '.');
  return below.startsWith('.') ? host.endsWith(below) : host === name || host.endsWith(`.${name}`);
}

function splitPort(entry: string): [name: string, port: number | undefined] {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed?.[1]) return [bracketed[1], bracketed[2] === undefined ? undefined : Number(bracketed[2])];
  const [, name, port] = /^([^:]+):(\d+)$/.exec(entry) ?? [];
  return name === undefined ? [entry, undefined] : [name, Number(port)];
}

function inNetwork(network: string, host: string, family: number): boolean {
  const [base = '', bits = ''] = network.split('/');
  if (isIP(base) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

const longestHead = 16 * 1024;

/** A way through the proxy to the destination (HTTP/1.1 CONNECT). @throws Error that says what the proxy answered */
export function throughProxy(proxy: Proxy, to: { readonly host: string; readonly port: number }, timeoutMs: number): Promise<Socket> {
  const target = `${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`;
  const where = `the proxy ${proxy.host}:${proxy.port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: proxy.host, port: proxy.port });
    let head = Buffer.alloc(0);
    const noHttp = new Error(`${where} answered with something that is not HTTP`);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const onData = (part: Buffer): void => {
      head = Buffer.concat([head, part]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) {
        if (head.length > longestHead) fail(noHttp);
        return;
      }
      const [line = ''] = head.toString('latin1', 0, end).split('\r\n');
      const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(line) ?? [];
      if (!status?.startsWith('2')) {
        fail(status ? new Error(`${where} refused a connection to ${target}: ${status} ${reason}${hint(status, proxy)}`) : noHttp);
        return;
      }
      socket.setTimeout(0);
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close').removeAllListeners('timeout');
      socket.pause();
      // A hub never speaks first in TLS; what should be there all the same belongs to the connection.
      const early = head.subarray(end + 4);
      if (early.length > 0) socket.unshift(early);
      resolve(socket);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error(`${where} did not answer within ${timeoutMs} ms`)));
    socket.once('error', (error) => fail(new Error(`${where} cannot be reached: ${error.message}`, { cause: error })));
    socket.once('close', () => reject(new Error(`${where} closed the connection`)));
    socket.on('data', onData);
    socket.once('connect', () => {
      socket.setNoDelay(true);
      const authorization = proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization}\r\n`;
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
    });
  });
}

function hint(status: string, { authorization }: Proxy): string {
  if (status !== '407') return '';
  return authorization === undefined
    ? ' (it wants credentials: give it as http://USER:PASSWORD@HOST:PORT)'
    : ' (it does not take these credentials)';
}
