import type { Duplex } from 'node:stream';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { ForwardClient } from './forward-port.ts';
import { SpdyConnection } from './spdy/spdy-connection.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';

/** How long the second stream of a pair may take to come. */
const pairDeadlineMs = 30_000;

interface Pair {
  readonly data?: SpdyStream;
  readonly error?: SpdyStream;
}

export interface SpdyForwardOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  /** Each connection of the client; resolves when it is over. */
  connected(port: number, client: ForwardClient, signal: AbortSignal): Promise<void>;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/** Port forwarding over SPDY: a pair of streams, one for data and one for errors, for each connection. Resolves when the client is gone. */
export async function spdyForward({ socket, clock, connected, broke }: SpdyForwardOptions): Promise<void> {
  const pairs = new Map<string, Pair>();
  const connection = new SpdyConnection({
    socket,
    clock,
    broke,
    opened(stream) {
      const { type, port, request } = readPairHeaders(stream);
      const pair: Pair = { ...pairs.get(request), [type]: stream };
      const second = pairs.has(request);
      if (pairs.get(request)?.[type]) throw new Error(`request ${request} has its ${type} stream`);
      if (type === 'error') stream.input.drop();
      if (second) pairs.delete(request);
      else pairs.set(request, pair);
      if (!second) {
        const late = clock.after('spdy-pair', pairDeadlineMs, () => {
          if (pairs.delete(request)) stream.end();
        });
        connection.gone.addEventListener('abort', () => late.cancel(), { once: true });
      }
      if (pair.data && pair.error) void connected(port, clientOf(pair.data, pair.error), connection.gone);
    },
  });
  await connection.run();
}

/** @throws Error to refuse the stream */
function readPairHeaders({ headers }: SpdyStream): { readonly type: 'data' | 'error'; readonly port: number; readonly request: string } {
  const type = headers.get('streamtype');
  const port = Number(headers.get('port'));
  const request = headers.get('requestid');
  if (type !== 'data' && type !== 'error') throw new Error(`invalid stream type ${JSON.stringify(type)}`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('"port" header is required, from 1 to 65535');
  if (!request) throw new Error('"requestID" header is required');
  return { type, port, request };
}

function clientOf(data: SpdyStream, error: SpdyStream): ForwardClient {
  return {
    input: data.input,
    write: (bytes) => data.write(bytes),
    end(why) {
      const said = why === undefined ? Promise.resolve() : error.write(Buffer.from(why));
      void said.catch(() => {}).finally(() => error.end());
      data.end();
    },
  };
}
