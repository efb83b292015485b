import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';

const waitMs = 5_000;
const againMs = 100;

/**
 * Makes this process the only agent with this data directory, for as long as it lives: two would take each other's connection to the
 * hub away and run every pod twice. A socket without a file (Linux' abstract names) goes with its process, however that ends, so no
 * stale lock is ever left. An agent that is just ending is waited for.
 * @throws Error that names the directory
 */
export async function lockDataDir(dataDir: string, { clock, logger }: { clock: Clock; logger: Logger }): Promise<void> {
  const name = `\0flotilla-agent-${createHash('sha256').update(realpathSync(dataDir)).digest('hex')}`;
  for (let waitedMs = 0; ; waitedMs += againMs) {
    const server = await listen(name);
    if (server) {
      server.unref();
      return;
    }
    if (waitedMs === 0) logger.info('another agent has this data directory; waiting for it to end', { dataDir });
    if (waitedMs >= waitMs) throw new Error(`${dataDir} is in use by another agent; only one can own a data directory`);
    await clock.sleep('agent: lock the data directory', againMs);
  }
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => resolve(server));
  });
}
