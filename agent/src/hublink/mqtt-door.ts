import { X509Certificate } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { serverFault } from './server-check.ts';

/** The only file of the link that opens sockets. */

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of the pinned authority; undefined only to fetch that authority itself, which is then compared with the token's pin. */
  readonly ca: string | undefined;
  readonly floorMs: number;
  /** The board's own certificate (with its chain) and key. */
  readonly certificate?: string;
  readonly key?: string;
  readonly timeoutMs: number;
}

/** A TLS connection to the hub. Node's own verification is off because it insists on the dates; `serverFault` does the rest of it. */
export function dialHub(options: DialOptions): Promise<TLSSocket> {
  const { host, port, ca, floorMs, certificate, key, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ...(isIP(host) ? {} : { servername: host }),
      ...(ca ? { ca } : {}),
      ...(certificate ? { cert: certificate } : {}),
      ...(key ? { key } : {}),
    });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error(`no answer from ${host}:${port} within ${timeoutMs} ms`)));
    socket.once('error', fail);
    socket.once('close', () => reject(new Error(`${host}:${port} closed the connection`)));
    socket.once('secureConnect', () => {
      const fault = ca ? serverFault(peerChain(socket), { ca: new X509Certificate(ca), host, floorMs }) : undefined;
      if (fault) return fail(new Error(`${host}:${port} is not our hub: ${fault}`));
      socket.setTimeout(0);
      // Messages are small and follow one another: none waits for the acknowledgement of the one before.
      socket.setNoDelay(true);
      socket.removeAllListeners('error').removeAllListeners('close').removeAllListeners('timeout');
      resolve(socket);
    });
  });
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
}

/** One HTTP/1.1 request over a connection of its own. The answer is bounded at 1 MiB. */
export type HubHttp = (
  dial: DialOptions,
  request: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string },
) => Promise<HttpAnswer>;

const longestAnswer = 1024 * 1024;

export const hubHttp: HubHttp = async (dial, { method, path, body }) => {
  const socket = await dialHub(dial);
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
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }));
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
