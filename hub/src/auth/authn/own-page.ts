import { StatusError, unauthorized } from '@flotilla/shared/errors/status.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import type { UserInfo } from '#registry/generic/types.ts';
import { type Authenticator, bearerToken, type PeerCertificate } from './authenticator.ts';

/** As much of an HTTP exchange as a page of the hub's own needs, beside the Kubernetes API. */
export interface PageExchange {
  readonly method: string;
  readonly url: string;
  readonly peer?: PeerCertificate | undefined;
  header(name: string): string | undefined;
  reply(code: number, contentType: string, body: string): void | Promise<void>;
  stream(code: number, contentType: string): { write(data: Buffer): void; drained(): Promise<void>; end(): void; destroy(): void };
}

/** @returns `answer`, whose errors are told as a Status. @param unexpected makes one of an error that is none */
export function ownPage<E extends PageExchange>(
  answer: (exchange: E) => void | Promise<void>,
  unexpected = (error: unknown) => new StatusError(500, 'InternalError', describeError(error)),
): (exchange: E) => Promise<void> {
  return async (exchange) => {
    try {
      await answer(exchange);
    } catch (error) {
      const status = error instanceof StatusError ? error : unexpected(error);
      await exchange.reply(status.code, 'application/json', JSON.stringify(status.toStatus()));
    }
  };
}

/** Who asks. @throws StatusError Unauthorized when nobody says who he is */
export async function userOf(authenticator: Authenticator, exchange: PageExchange): Promise<UserInfo> {
  const bearer = bearerToken(exchange.header('authorization'));
  const { peer } = exchange;
  const user = await authenticator.authenticate({ ...(peer ? { peer } : {}), ...(bearer === undefined ? {} : { bearer }) });
  if (!user) throw unauthorized();
  return user;
}

/** @throws StatusError MethodNotAllowed */
export function requireMethod({ method }: PageExchange, only: 'GET' | 'POST'): void {
  if (method !== only) throw new StatusError(405, 'MethodNotAllowed', `${method} is not supported here; use ${only}`);
}

/** In pieces, as fast as the client takes them. What broke off does not pass for the whole. */
export async function sendChunks(stream: ReturnType<PageExchange['stream']>, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      stream.write(chunk);
      await stream.drained();
    }
    stream.end();
  } catch {
    stream.destroy();
  }
}
