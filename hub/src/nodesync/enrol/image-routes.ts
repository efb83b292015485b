import { badRequest, notFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { type FileExchange, fileRoutes, type ServedFile, sendFile } from './file-routes.ts';

export const imagesPath = '/flotilla/v1/images';
const repositoryFile = 'rpi-imager.json';

/** Card images that anybody may have. */
export interface ImagesDoor {
  /** The repository file of Raspberry Pi Imager. @param base address of the images, which ends with `/` */
  repository(base: string): Promise<string>;
  /** Undefined when there is none of that name. */
  image(file: string): Promise<ServedFile | undefined>;
}

/** What `rpi-imager --repo https://HUB/flotilla/v1/images/rpi-imager.json` fetches. There is no secret in it, so nobody is asked who he is. */
export function imageRoutes(images: ImagesDoor, logger: Logger): (exchange: FileExchange) => Promise<void> {
  return fileRoutes({
    what: 'image',
    mostAtOnce: 4,
    logger,
    async find(exchange, path) {
      const file = path.slice(imagesPath.length + 1);
      if (file === repositoryFile) {
        const host = exchange.header('host') ?? '';
        if (!/^[A-Za-z0-9.:[\]-]+$/.test(host)) throw badRequest('the request names no host');
        return void (await exchange.reply(200, 'application/json', await images.repository(`https://${host}${imagesPath}/`)));
      }
      return async () => {
        const image = await images.image(file);
        if (!image) throw notFound({ group: '', resource: 'paths' }, path);
        await sendFile(exchange, image, 'application/octet-stream');
      };
    },
  });
}
