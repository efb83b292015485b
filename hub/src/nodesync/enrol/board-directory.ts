import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Board, Boards } from '#broker/types.ts';
import type { Client, Informer } from '#client/types.ts';
import type { Secret } from '../objects.ts';

export const enrolNamespace = 'kube-system';
const formerlyIndex = 'board-formerly';
const userPrefix = 'system:node:';
const boardType = 'fleet.flotilla.dev/board';
const nodeKey = 'node';
const keyIdKey = 'key-id';
const serialKey = 'serial';
/** The name that the key had before it took the place of another board. */
const formerlyKey = 'formerly';

/**
 * Which key is which board: one Secret per board in kube-system, `flotilla-board-NODE`. Deleting it revokes the board: its key is
 * refused at the next connect, and the name is free for another. Nothing in it is secret; it is a Secret so that only who may see
 * those may change who is who.
 */
export class BoardDirectory implements Boards {
  readonly #client: Client;
  readonly #secrets: Informer<Secret>;

  constructor(client: Client) {
    this.#client = client;
    this.#secrets = client.informer('', 'secrets');
    this.#secrets.index(formerlyIndex, (secret) => (boardOf(secret) && read(secret, formerlyKey) ? [read(secret, formerlyKey)] : []));
  }

  get(node: string): Board | undefined {
    const secret = this.#secrets.get(`${enrolNamespace}/${secretName(node)}`);
    const board = secret && boardOf(secret);
    return board?.node === node ? board : undefined;
  }

  /**
   * Whether a key (hex SHA-256 of its SubjectPublicKeyInfo) may act for the user that its certificate names: for a board only the key
   * it is enrolled with, whatever certificates were issued to others of that name.
   */
  mayActAs(userName: string, spkiHash: string): boolean {
    if (!userName.startsWith(userPrefix)) return true;
    const board = this.get(userName.slice(userPrefix.length));
    return board !== undefined && Buffer.from(board.keyId, 'base64url').toString('hex') === spkiHash;
  }

  /** Enters a board. @returns what stands there: another board when the name was taken meanwhile */
  async enter(board: Board): Promise<Board> {
    try {
      await this.#client.resource<Secret>('', 'secrets').create(enrolNamespace, boardSecret(board));
    } catch (error) {
      if (!isAlreadyExists(error) || !this.get(board.node)) throw error;
    }
    return this.get(board.node) ?? board;
  }

  /** What the key is called now that had this name before; undefined when nothing is known of it. */
  renamed(formerly: string, keyId: string): string | undefined {
    return this.#secrets
      .byIndex(formerlyIndex, formerly)
      .map(boardOf)
      .find((board) => board?.keyId === keyId)?.node;
  }

  /** Whether a board had this name that has another now. */
  wasRenamed(formerly: string): boolean {
    return this.#secrets.byIndex(formerlyIndex, formerly).length > 0;
  }

  /** Enters a board in the place of whoever had the name; its key is revoked. @param formerly the name that this one had */
  async put(board: Board, formerly?: string): Promise<void> {
    const secret = boardSecret(board);
    const data = formerly === undefined ? secret.data : { ...secret.data, [formerlyKey]: base64(formerly) };
    const secrets = this.#client.resource<Secret>('', 'secrets');
    if (this.get(board.node)) await secrets.update(enrolNamespace, secretName(board.node), (there) => ({ ...there, data }));
    else await secrets.create(enrolNamespace, { ...secret, data });
  }

  /** Revokes the board; its name is free. */
  async remove(node: string): Promise<void> {
    try {
      await this.#client.resource<Secret>('', 'secrets').delete(enrolNamespace, secretName(node), { gracePeriodSeconds: 0 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Calls `revoked` with the node whose board was removed or replaced. */
  onRevoked(revoked: (node: string) => void): { stop(): void } {
    const told = (secret: Secret): void => {
      if (secret.type === boardType) revoked(read(secret, nodeKey));
    };
    return this.#secrets.on({
      updated: (now, old) => {
        if (read(now, keyIdKey) !== read(old, keyIdKey)) told(old);
      },
      deleted: told,
    });
  }
}

/** The Secret that makes it a board of this hub. */
export function boardSecret({ node, keyId, serial }: Board): Secret {
  const data = { [nodeKey]: base64(node), [keyIdKey]: base64(keyId), [serialKey]: base64(serial) };
  const metadata = { name: secretName(node), namespace: enrolNamespace };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: boardType, data };
}

/** The board that a Secret of `enrolNamespace` speaks of; undefined when it is none. */
export function boardOf(secret: Secret): Board | undefined {
  const node = secret.type === boardType ? read(secret, nodeKey) : '';
  if (!node || secret.metadata?.name !== secretName(node)) return undefined;
  return { node, keyId: read(secret, keyIdKey), serial: read(secret, serialKey) };
}

function secretName(node: string): string {
  return `flotilla-board-${node}`;
}

function read(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
