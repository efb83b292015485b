import { notFound, StatusError, tooManyRequests } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { Client } from '#client/types.ts';
import { isJoinToken } from './join-token.ts';

export const installScriptPath = '/flotilla/v1/install.sh';
export const agentPath = '/flotilla/v1/agent';

/** A .tar.gz with the tree of an agent, from the root. */
export interface AgentBundle {
  readonly bytes: number;
  readonly sha256: string;
  chunks(): AsyncIterable<Buffer>;
}

/** What hosts of one's own are installed with. */
export interface InstallDoor {
  /** @param pin of the key that this hub serves with, as curl takes it */
  script(pin: string): Promise<string>;
  /** @throws Error when there is none */
  bundle(architecture: 'amd64' | 'arm64'): Promise<AgentBundle>;
}

/** As much of an HTTP exchange as these need. */
export interface InstallExchange {
  readonly method: string;
  readonly url: string;
  header(name: string): string | undefined;
  setHeader(name: string, value: string): void;
  reply(code: number, contentType: string, body: string): void | Promise<void>;
  stream(code: number, contentType: string): { write(data: Buffer): void; drained(): Promise<void>; end(): void; destroy(): void };
}

export interface InstallRoutesOptions {
  readonly install: InstallDoor;
  readonly client: Client;
  readonly logger: Logger;
  readonly pin: () => string;
}

/** Bundles that are sent at one time. */
const mostAtOnce = 16;

/**
 * What `curl … | sh` fetches: the script for anybody, the agent for who has a join token (spent or not: what is in it is no secret, but
 * it is 45 MB).
 */
export function installRoutes({ install, client, logger, pin }: InstallRoutesOptions): (exchange: InstallExchange) => Promise<void> {
  let sending = 0;
  const answer = async (exchange: InstallExchange): Promise<void> => {
    const [path = ''] = exchange.url.split('?');
    if (exchange.method !== 'GET') throw new StatusError(405, 'MethodNotAllowed', `${exchange.method} is not supported here; use GET`);
    if (path === installScriptPath) return exchange.reply(200, 'text/x-shellscript', await install.script(pin()));
    const [, architecture, what] = /^\/(amd64|arm64)\.(tar\.gz|sha256)$/.exec(path.slice(agentPath.length)) ?? [];
    if (architecture !== 'amd64' && architecture !== 'arm64') throw notFound({ group: '', resource: 'paths' }, path);
    const token = /^Bearer (.+)$/i.exec(exchange.header('authorization') ?? '')?.[1] ?? '';
    if (!isJoinToken(client, token)) throw new StatusError(401, 'Unauthorized', 'the agent is given to who has a join token of this hub');
    if (sending >= mostAtOnce) throw tooManyRequests('too many agents are fetched at once', 10);
    sending++;
    try {
      const bundle = await install.bundle(architecture);
      if (what === 'sha256') await exchange.reply(200, 'text/plain', `${bundle.sha256}\n`);
      else await sendBundle(exchange, bundle, 'application/gzip');
    } finally {
      sending--;
    }
  };
  return async (exchange) => {
    try {
      await answer(exchange);
    } catch (error) {
      if (!(error instanceof StatusError)) logger.warn('an agent could not be served', { error });
      const status = error instanceof StatusError ? error : new StatusError(503, 'ServiceUnavailable', describeError(error));
      await exchange.reply(status.code, 'application/json', JSON.stringify(status.toStatus()));
    }
  };
}

/** In pieces, as fast as the client takes them. */
export async function sendBundle(
  exchange: InstallExchange,
  { bytes, chunks }: Pick<AgentBundle, 'bytes' | 'chunks'>,
  type: string,
): Promise<void> {
  // Who gets less knows it.
  exchange.setHeader('Content-Length', String(bytes));
  const stream = exchange.stream(200, type);
  try {
    for await (const chunk of chunks()) {
      stream.write(chunk);
      await stream.drained();
    }
    stream.end();
  } catch {
    stream.destroy();
  }
}
