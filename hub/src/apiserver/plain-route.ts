import type { ExchangeHandler } from './exchange.ts';

export interface PlainRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly body: string;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A handler that takes and gives whole texts, for `HttpsServer.handle`: joining. @throws StatusError RequestEntityTooLarge */
export function plainRoute(handler: (request: PlainRequest) => Promise<PlainAnswer>, bodyLimitBytes: number): ExchangeHandler {
  return async (exchange) => {
    const body = (await exchange.readBody(bodyLimitBytes)).toString('utf8');
    const { status, headers, body: answer } = await handler({ method: exchange.method, path: exchange.url.split('?', 1)[0] ?? '', body });
    const { 'content-type': contentType = 'application/json', ...others } = headers;
    for (const [name, value] of Object.entries(others)) exchange.setHeader(name, value);
    await exchange.reply(status, contentType, answer);
  };
}
