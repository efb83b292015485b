import { notFound, StatusError } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { bearerToken } from '#auth/authn/authenticator.ts';
import type { Client } from '#client/types.ts';
import { type FileExchange, fileRoutes, type ServedFile, sendFile } from './file-routes.ts';
import { isJoinToken } from './join-token.ts';

export const installScriptPath = '/flotilla/v1/install.sh';
export const agentPath = '/flotilla/v1/agent';

/** A .tar.gz with the tree of an agent, from the root. */
export interface AgentBundle extends ServedFile {
  readonly sha256: string;
}

/** What hosts of one's own are installed with. */
export interface InstallDoor {
  /** @param pin of the key that this hub serves with, as curl takes it */
  script(pin: string): Promise<string>;
  /** @throws Error when there is none */
  bundle(architecture: 'amd64' | 'arm64'): Promise<AgentBundle>;
}

export interface InstallRoutesOptions {
  readonly install: InstallDoor;
  readonly client: Client;
  readonly logger: Logger;
  readonly pin: () => string;
}

/**
 * What `curl … | sh` fetches: the script for anybody, the agent for who has a join token (spent or not: what is in it is no secret, but
 * it is 45 MB).
 */
export function installRoutes({ install, client, logger, pin }: InstallRoutesOptions): (exchange: FileExchange) => Promise<void> {
  return fileRoutes({
    what: 'agent',
    mostAtOnce: 16,
    logger,
    async find(exchange, path) {
      if (path === installScriptPath) return void (await exchange.reply(200, 'text/x-shellscript', await install.script(pin())));
      const [, architecture, what] = /^\/(amd64|arm64)\.(tar\.gz|sha256)$/.exec(path.slice(agentPath.length)) ?? [];
      if (architecture !== 'amd64' && architecture !== 'arm64') throw notFound({ group: '', resource: 'paths' }, path);
      const token = bearerToken(exchange.header('authorization')) ?? '';
      if (!isJoinToken(client, token)) throw new StatusError(401, 'Unauthorized', 'the agent is given to who has a join token of this hub');
      return async () => {
        const bundle = await install.bundle(architecture);
        if (what === 'sha256') await exchange.reply(200, 'text/plain', `${bundle.sha256}\n`);
        else await sendFile(exchange, bundle, 'application/gzip');
      };
    },
  });
}
