import { request as clientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import type { Relay, UpgradeOffer } from './exchange.ts';

interface RelayParts extends Relay {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly offer: UpgradeOffer | undefined;
  /** Headers of the answer that are ours. */
  readonly own: Readonly<Record<string, string>>;
}

type Headers = Record<string, string | string[] | undefined>;

/** What concerns one connection only (RFC 9110 §7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/**
 * One request over a connection of its own, the answer as it comes.
 * @throws StatusError ServiceUnavailable when there is no answer; one that breaks off breaks the client's connection
 */
export function relayRequest(parts: RelayParts): Promise<void> {
  const { request, response, offer, path, connect } = parts;
  const headers: Headers = { ...endToEnd(request.headers), ...parts.headers };
  delete headers['expect'];
  if (offer) Object.assign(headers, { connection: 'Upgrade', upgrade: request.headers.upgrade });
  const chunked = !offer && request.headers['transfer-encoding'] !== undefined;
  if (chunked) headers['transfer-encoding'] = 'chunked';
  for (const name of Object.keys(headers)) if (headers[name] === undefined) delete headers[name];
  return new Promise((resolve, reject) => {
    const { method } = request;
    const outgoing = clientRequest({
      method,
      path,
      headers,
      setHost: false,
      createConnection: () => (parts.tls ? secured(connect()) : connect()),
    });
    const gone = (): void => void outgoing.destroy();
    const life = offer ? request.socket : response;
    life.once('close', gone);
    const over = (): void => {
      life.off('close', gone);
      resolve();
    };
    outgoing.once('error', (error) => {
      if (response.headersSent || life.destroyed) {
        response.destroy();
        over();
      } else {
        life.off('close', gone);
        const told = error instanceof StatusError && (error.code === 503 || error.code === 429);
        reject(told ? error : unavailable(`error trying to reach service: ${error.message}`, { cause: error }));
      }
    });
    outgoing.once('response', (answer) => {
      const given = endToEnd(answer.headers);
      const changes = parts.answered(given);
      for (const name of Object.keys(given)) if (given[name] === undefined) delete given[name];
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, { ...(given as Record<string, string>), ...parts.own });
      // What is written waits for the first bytes otherwise; a client may wait for the head alone.
      response.flushHeaders();
      pipeline([answer, ...changes, response], (error) => {
        if (error) response.destroy();
        outgoing.destroy();
        over();
      });
    });
    outgoing.once('upgrade', (answer, connection, head) => {
      if (!offer) {
        outgoing.destroy();
        return reject(unavailable('error trying to reach service: it upgraded a connection that nobody asked it to'));
      }
      join(offer.accept({ ...flat(answer.headers), ...parts.own }), connection, head, over);
    });
    if (offer || (!chunked && !Number(request.headers['content-length'] ?? 0))) outgoing.end();
    else pipeline(request, outgoing, () => {});
  });
}

/** As kube-apiserver does it: what a pod calls itself is known to nobody, and the way there is the link's. */
const secured = (socket: Duplex): Duplex => tlsConnect({ socket, rejectUnauthorized: false });

/** Bytes both ways, until both have ended or one broke. */
function join(client: Duplex, server: Duplex, head: Buffer, over: () => void): void {
  if (head.length > 0) server.unshift(head);
  const end = (): void => {
    client.destroy();
    server.destroy();
    over();
  };
  let open = 2;
  const one = (error: Error | null | undefined): void => {
    open--;
    if (error || open === 0) end();
  };
  pipeline(client, server, one);
  pipeline(server, client, one);
}

function endToEnd(headers: IncomingMessage['headers']): Headers {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const drop = new Set([...hopByHop, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !drop.has(name)));
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
