import { X509Certificate } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { HubMemory, KeptSession } from './hub-memory.ts';
import { type ProxyFor, throughProxy } from './mqtt-proxy.ts';
import { checkServer, type ServerExpectation } from './server-check.ts';
import type { WireCount } from './wire-count.ts';

/** The only file of the link that opens sockets. */

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of the pinned authority; undefined only to fetch that authority itself, which is then compared with the token's pin. */
  readonly ca: string | undefined;
  /** A time that has certainly passed, see TrustedTime. */
  readonly floorMs: number;
  /**
   * What becomes of a certificate that ended before the floor: `refuse`, or `doubt` where the hub proves itself and its time in
   * another way before anything depends on it (the signed welcome).
   */
  readonly ended: 'refuse' | 'doubt';
  /** The board's own certificate (with its chain) and key. */
  readonly certificate?: string;
  readonly key?: string;
  readonly timeoutMs: number;
  readonly proxy?: ProxyFor;
  /** Sessions are resumed, and kept for the next connection. */
  readonly memory?: HubMemory;
  /** Counts the bytes of this connection. */
  readonly wire?: WireCount;
}

export interface DialedHub {
  readonly socket: TLSSocket;
  /** When the hub's certificate ends. */
  readonly certificateEndMs: number;
  /** The TLS session is one of before. */
  readonly resumed: boolean;
}

/** A TLS connection to the hub. Node's own verification is off because it insists on the dates; `checkServer` does the rest of it. */
export async function dialHub(options: DialOptions): Promise<DialedHub> {
  const { host, port, ca, certificate, key, memory, timeoutMs } = options;
  const endpoint = `${host}:${port}`;
  const trusted = ca ? { ca: new X509Certificate(ca), host } : undefined;
  const kept = trusted && resumable(memory?.session(endpoint), trusted, options.floorMs);
  const proxy = options.proxy?.(host, port);
  // A socket of its own below TLS: it knows what really travels.
  const raw = proxy ? await throughProxy(proxy, { host, port }, timeoutMs) : await direct(host, port, timeoutMs);
  options.wire?.count(raw);
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: raw,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ...(isIP(host) ? {} : { servername: host }),
      ...(ca ? { ca } : {}),
      ...(certificate ? { cert: certificate } : {}),
      ...(key ? { key } : {}),
      ...(kept ? { session: kept.session } : {}),
    });
    const fail = (error: Error): void => {
      // Whatever was wrong with the session, the next attempt begins anew; a hub that cannot be reached says nothing about it.
      memory?.drop(endpoint);
      socket.destroy();
      reject(error);
    };
    let chain: readonly X509Certificate[] | undefined;
    // Tickets come after the handshake; one that comes before the check is good for nothing.
    if (memory && ca) socket.on('session', (session) => chain && memory.keep(endpoint, { session, chain }));
    socket.setTimeout(timeoutMs, () => fail(new Error(`no answer from ${endpoint} within ${timeoutMs} ms`)));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error(`${endpoint} closed the connection`)));
    socket.once('secureConnect', () => {
      const shown = shownChain(socket, kept);
      const check = trusted ? checkServer(shown, trusted) : { endMs: Number.POSITIVE_INFINITY, ended: '' };
      if ('fault' in check) return fail(new Error(`${endpoint} is not our hub: ${check.fault}`));
      if (check.endMs < options.floorMs && options.ended === 'refuse') return fail(new Error(`${endpoint} is not our hub: ${check.ended}`));
      chain = shown;
      socket.setTimeout(0);
      // Messages are small and follow one another: none waits for the acknowledgement of the one before.
      raw.setNoDelay(true);
      socket.removeAllListeners('error').removeAllListeners('close').removeAllListeners('timeout');
      resolve({ socket, certificateEndMs: check.endMs, resumed: socket.isSessionReused() });
    });
  });
}

function direct(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error(`no answer from ${host}:${port} within ${timeoutMs} ms`)));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('error').removeAllListeners('timeout');
      resolve(socket);
    });
  });
}

/** A session whose certificates would not be taken now is not resumed: the hub has others by now, or is not ours any more. */
function resumable(kept: KeptSession | undefined, trusted: ServerExpectation, floorMs: number): KeptSession | undefined {
  const check = kept && checkServer(kept.chain, trusted);
  return check && !('fault' in check) && check.endMs >= floorMs ? kept : undefined;
}

/** The certificates of the other end. A resumed connection shows none: those count that were checked when its session began. */
function shownChain(socket: TLSSocket, kept: KeptSession | undefined): readonly X509Certificate[] {
  return socket.isSessionReused() ? (kept?.chain ?? []) : peerChain(socket);
}

function peerChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < 6) {
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** When the certificate of the hub that answered ends. */
  readonly certificateEndMs: number;
}

/** One HTTP/1.1 request over a connection of its own. The answer is bounded at 1 MiB. */
export type HubHttp = (
  dial: DialOptions,
  request: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string },
) => Promise<HttpAnswer>;

const longestAnswer = 1024 * 1024;

export const hubHttp: HubHttp = async (dial, { method, path, body }) => {
  const { socket, certificateEndMs } = await dialHub(dial);
  try {
    return await new Promise<HttpAnswer>((resolve, reject) => {
      const host = dial.host.includes(':') ? `[${dial.host}]` : dial.host;
      const headers = {
        host: `${host}:${dial.port}`,
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const request = httpRequest({ method, path, headers, createConnection: () => socket }, (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > longestAnswer) return request.destroy(new Error('the answer is too long'));
          parts.push(part);
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8'), certificateEndMs }),
        );
        response.on('error', reject);
      });
      request.setTimeout(dial.timeoutMs, () => request.destroy(new Error(`no answer within ${dial.timeoutMs} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  } finally {
    socket.destroy();
  }
};
