import { alreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Ledger } from '#auth/pki/ledger.ts';
import type { Board } from '#broker/types.ts';
import type { Client, Informer } from '#client/types.ts';
import type { AdmissionAttributes } from '#registry/generic/types.ts';
import type { Secret } from '../objects.ts';
import { boardOf, boardSecret, enrolNamespace } from './board-directory.ts';
import { tokenType } from './join-token.ts';

/**
 * Enters into the ledger what is about to happen to the Secrets that say which key is which board. Called as the last step of
 * admission, so that the ledger is written before the Secret: after a crash in between `agree` finishes what was begun.
 */
export async function recordEnrolment(
  ledger: Ledger,
  { definition, operation, subresource, namespace, object, old, dryRun }: AdmissionAttributes,
): Promise<void> {
  if (definition.group !== '' || definition.resource !== 'secrets' || namespace !== enrolNamespace || subresource || dryRun) return;
  const [now, before] = [operation === 'DELETE' ? undefined : boardOf(object as Secret), old && boardOf(old as Secret)];
  const entered = now && ledger.board(now.node);
  // Two that join under one name at once: what the ledger has is what the Secret will be.
  if (operation === 'CREATE' && entered && entered.keyId !== now.keyId) throw alreadyExists(definition, object?.metadata?.name ?? '');
  if (before && before.keyId !== now?.keyId) await ledger.revoke(before.node, before.keyId);
  if (now && !same(entered, now)) await ledger.enter(now);
}

export interface AgreeOptions {
  readonly ledger: Ledger;
  readonly client: Client;
  readonly logger: Logger;
  /** Other hubs write the same store: what they did while this one was away or is running stands in no ledger of its own. */
  readonly shared: boolean;
  /** The store is older than the ledger, or new; what was written above this revision was written since. */
  readonly recovery: { readonly base: number } | undefined;
}

/**
 * Makes the Secrets of boards what the ledger says, before any board may connect: boards that joined after a backup are known, keys
 * that were revoked after it stay revoked. What the ledger has never heard of (a hub from before there was one) is entered.
 */
export async function agree({ ledger, client, logger, shared, recovery }: AgreeOptions): Promise<void> {
  const informer = client.informer<Secret>('', 'secrets');
  const secrets = client.resource<Secret>('', 'secrets');
  await client.synced();
  const remove = async ({ metadata: { name = '' } = {} }: Secret): Promise<void> => {
    await secrets.delete(enrolNamespace, name, { gracePeriodSeconds: 0 }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };
  const tasks: (() => Promise<unknown>)[] = [];
  const missing = new Map(ledger.boards().map((board) => [board.node, board]));
  for (const secret of informer.list(enrolNamespace)) {
    const board = boardOf(secret);
    if (!board && recovery && secret.type === tokenType && Number(secret.metadata?.resourceVersion) <= recovery.base) {
      logger.warn('a join token came back with an older store; whether it was still good is not known: it is removed', {
        token: secret.metadata?.name,
      });
      await remove(secret);
    }
    if (!board) continue;
    const entered = ledger.board(board.node);
    if (entered ? same(entered, board) : !ledger.isRevoked(board.node, board.keyId)) {
      missing.delete(board.node);
      if (!entered) tasks.push(() => ledger.enter(board));
    } else if (shared && !recovery) {
      missing.delete(board.node);
      tasks.push(() => ledger.enter(board));
    } else {
      logger.warn('a key that was revoked, or replaced, came back with an older store: it is removed again', { ...board });
      await remove(secret);
    }
  }
  // Without another hub only a crash before the Secret can be the reason.
  const restore = recovery !== undefined || !shared;
  for (const board of missing.values()) {
    tasks.push(() => (restore ? secrets.create(enrolNamespace, boardSecret(board)) : ledger.revoke(board.node, board.keyId)));
  }
  for (let at = 0; at < tasks.length; at += parallel) await Promise.all(tasks.slice(at, at + parallel).map((task) => task()));
  if (missing.size > 0) logger.info('the store and the ledger of boards agree again', { boards: missing.size, restored: restore });
  if (shared) follow({ ledger, informer, logger });
}

/** Enters what other hubs do. */
function follow({ ledger, informer, logger }: { ledger: Ledger; informer: Informer<Secret>; logger: Logger }): void {
  const entering = (work: Promise<void>): void =>
    void work.catch((error: unknown) => logger.error('could not write the ledger of boards', { error }));
  const seen = (secret: Secret): void => {
    const board = boardOf(secret);
    if (board && !same(ledger.board(board.node), board)) entering(ledger.enter(board));
  };
  informer.on({
    added: seen,
    updated: seen,
    deleted: (secret) => {
      const board = boardOf(secret);
      if (board && same(ledger.board(board.node), board)) entering(ledger.revoke(board.node, board.keyId));
    },
  });
}

/** The store commits them together. */
const parallel = 500;

function same(a: Board | undefined, b: Board): boolean {
  return a !== undefined && a.keyId === b.keyId && a.serial === b.serial;
}
