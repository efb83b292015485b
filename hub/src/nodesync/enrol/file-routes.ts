import { tooManyRequests, unavailable } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { ownPage, type PageExchange, requireMethod, sendChunks } from '#auth/authn/own-page.ts';

/** A file that is given away. */
export interface ServedFile {
  readonly bytes: number;
  chunks(): AsyncIterable<Buffer>;
}

export interface FileExchange extends PageExchange {
  setHeader(name: string, value: string): void;
}

export interface FileRoutesOptions {
  readonly what: 'agent' | 'image';
  /** Files that are sent at one time. */
  readonly mostAtOnce: number;
  readonly logger: Logger;
  /** Answers by itself, or gives back how the file is sent when there is a place for it. */
  find(exchange: FileExchange, path: string): Promise<(() => Promise<void>) | undefined>;
}

/** Pages that give files away. */
export function fileRoutes({ what, mostAtOnce, logger, find }: FileRoutesOptions): (exchange: FileExchange) => Promise<void> {
  let sending = 0;
  const answer = async (exchange: FileExchange): Promise<void> => {
    requireMethod(exchange, 'GET');
    const [path = ''] = exchange.url.split('?');
    const send = await find(exchange, path);
    if (!send) return;
    if (sending >= mostAtOnce) throw tooManyRequests(`too many ${what}s are fetched at once`, 10);
    sending++;
    try {
      await send();
    } finally {
      sending--;
    }
  };
  return ownPage(answer, (error) => {
    logger.warn(`an ${what} could not be served`, { error });
    return unavailable(describeError(error));
  });
}

export async function sendFile(exchange: FileExchange, { bytes, chunks }: ServedFile, type: string): Promise<void> {
  // Who gets less knows it.
  exchange.setHeader('Content-Length', String(bytes));
  await sendChunks(exchange.stream(200, type), chunks());
}
