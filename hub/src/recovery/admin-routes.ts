import { forbidden, notFound, StatusError } from '@flotilla/shared/errors/status.js';
import type { Authenticator } from '#auth/authn/authenticator.ts';
import { ownPage, type PageExchange, sendChunks, userOf } from '#auth/authn/own-page.ts';
import type { Recovery } from './recovery.ts';

export const adminPath = '/flotilla/v1/admin';
export const backupPath = `${adminPath}/backup`;
export const recoveryPath = `${adminPath}/recovery`;
export const finishPath = `${recoveryPath}/finish`;

/** A backup that was made and waits to be fetched. */
export interface BackupStream {
  readonly chunks: AsyncIterable<Buffer>;
  /** Removes what it stood in. */
  close(): Promise<void>;
}

export interface AdminRoutesOptions {
  readonly authenticator: Authenticator;
  readonly recovery: Pick<Recovery, 'state' | 'finish'> | undefined;
  /** Copies the store as it is now; undefined for a store that has means of its own. */
  readonly backup: (() => Promise<BackupStream>) | undefined;
  /** Further pages, by the path they begin with; each is given what follows it. */
  readonly pages?: Readonly<Record<string, (rest: string) => Promise<AdminPage>>>;
}

interface AdminPage {
  readonly contentType: string;
  readonly body: string;
}

/** What only an administrator may ask of the hub itself, beside the Kubernetes API. */
export function adminRoutes(options: AdminRoutesOptions): (exchange: PageExchange) => Promise<void> {
  return ownPage(async (exchange) => {
    const { groups } = await userOf(options.authenticator, exchange);
    if (!groups.includes('system:masters')) throw forbidden({ group: '', resource: 'hub' }, '', 'only system:masters may do this');
    await answer(options, exchange);
  });
}

async function answer({ recovery, backup, pages = {} }: AdminRoutesOptions, exchange: PageExchange): Promise<void> {
  const path = exchange.url.split('?')[0];
  if (exchange.method === 'GET' && path === recoveryPath) {
    return exchange.reply(
      200,
      'application/json',
      JSON.stringify(recovery?.state() ?? { active: false, heard: [], missing: [], lines: [] }),
    );
  }
  if (exchange.method === 'POST' && path === finishPath) {
    if (!recovery?.state().active) throw new StatusError(409, 'Conflict', 'no recovery is under way');
    return exchange.reply(200, 'application/json', JSON.stringify(await recovery.finish()));
  }
  if (exchange.method === 'POST' && path === backupPath) {
    if (!backup)
      throw new StatusError(
        501,
        'NotImplemented',
        'this hub keeps its objects in etcd or in memory: back up etcd with etcdctl snapshot save',
      );
    return send(exchange, await backup());
  }
  const [start, page] = Object.entries(pages).find(([one]) => path === one || path?.startsWith(`${one}/`)) ?? [];
  if (exchange.method === 'GET' && start !== undefined && page) {
    const { contentType, body } = await page(decodeURIComponent(path?.slice(start.length + 1) ?? ''));
    return exchange.reply(200, contentType, body);
  }
  throw notFound({ group: '', resource: 'pages' }, path ?? '');
}

async function send(exchange: PageExchange, backup: BackupStream): Promise<void> {
  try {
    await sendChunks(exchange.stream(200, 'application/octet-stream'), backup.chunks);
  } finally {
    await backup.close();
  }
}
