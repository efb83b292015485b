import { notFound, StatusError, tooManyRequests } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { type AgentBundle, type InstallExchange, sendBundle } from './install-routes.ts';

export const imagesPath = '/flotilla/v1/images';
const repositoryFile = 'rpi-imager.json';

/** Card images that anybody may have. */
export interface ImagesDoor {
  /** The repository file of Raspberry Pi Imager. @param base address of the images, which ends with `/` */
  repository(base: string): Promise<string>;
  /** Undefined when there is none of that name. */
  image(file: string): Promise<Pick<AgentBundle, 'bytes' | 'chunks'> | undefined>;
}

/** Images that are sent at one time. */
const mostAtOnce = 4;

/** What `rpi-imager --repo https://HUB/flotilla/v1/images/rpi-imager.json` fetches. There is no secret in it, so nobody is asked who he is. */
export function imageRoutes({
  images,
  logger,
}: {
  readonly images: ImagesDoor;
  readonly logger: Logger;
}): (exchange: InstallExchange) => Promise<void> {
  let sending = 0;
  const answer = async (exchange: InstallExchange): Promise<void> => {
    const [path = ''] = exchange.url.split('?');
    if (exchange.method !== 'GET') throw new StatusError(405, 'MethodNotAllowed', `${exchange.method} is not supported here; use GET`);
    const file = path.slice(imagesPath.length + 1);
    if (file === repositoryFile) {
      const host = exchange.header('host') ?? '';
      if (!/^[A-Za-z0-9.:[\]-]+$/.test(host)) throw new StatusError(400, 'BadRequest', 'the request names no host');
      return exchange.reply(200, 'application/json', await images.repository(`https://${host}${imagesPath}/`));
    }
    if (sending >= mostAtOnce) throw tooManyRequests('too many images are fetched at once', 10);
    sending++;
    try {
      const image = await images.image(file);
      if (!image) throw notFound({ group: '', resource: 'paths' }, path);
      await sendBundle(exchange, image, 'application/octet-stream');
    } finally {
      sending--;
    }
  };
  return async (exchange) => {
    try {
      await answer(exchange);
    } catch (error) {
      if (!(error instanceof StatusError)) logger.warn('an image could not be served', { error });
      const status = error instanceof StatusError ? error : new StatusError(503, 'ServiceUnavailable', describeError(error));
      await exchange.reply(status.code, 'application/json', JSON.stringify(status.toStatus()));
    }
  };
}
