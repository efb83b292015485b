import { conflict, isNotFound, notFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { fingerprintOf } from '@flotilla/shared/protocol/join.js';
import type { Client, EventRecorder } from '#client/types.ts';
import type { Node, Pod } from '../objects.ts';
import type { BoardDirectory } from './board-directory.ts';
import type { MovedBoards } from './moved-boards.ts';
import { aboutNode, type WaitingEntry, type WaitingRoom } from './waiting-room.ts';

export interface EnrolmentDeskOptions {
  readonly client: Client;
  readonly boards: BoardDirectory;
  readonly room: WaitingRoom;
  readonly moved: MovedBoards;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Whether the board has a live session. */
  readonly isConnected: (node: string) => boolean;
}

/** Names a board that waits. */
export interface WaitingChoice {
  readonly node: string;
  /** The beginning of its fingerprint; needed when several wait under the name. */
  readonly fingerprint?: string;
}

const nodesResource = { group: '', resource: 'nodes' };

/** What an operator decides about who is which node. Every decision is an Event of the Node, with who made it. */
export class EnrolmentDesk {
  readonly #options: EnrolmentDeskOptions;

  constructor(options: EnrolmentDeskOptions) {
    this.#options = options;
  }

  /** What stands in the way of a plain approval: the key that has the name already. */
  list(): readonly (WaitingEntry & { readonly enrolled?: string })[] {
    return this.#options.room.list().map((entry) => {
      const known = this.#options.boards.get(entry.node);
      return known && known.keyId !== entry.keyId ? { ...entry, enrolled: known.keyId } : entry;
    });
  }

  /**
   * Lets a board in, or lets a node stand on the machine it was moved to. @param takeOver also in the place of the board that has the name
   * @throws StatusError
   */
  async approve({ node, fingerprint, takeOver = false }: WaitingChoice & { readonly takeOver?: boolean }, by: string): Promise<string> {
    const { boards, room, moved } = this.#options;
    const entry = room.find(node, fingerprint);
    const { keyId, serial } = entry;
    const known = boards.get(node);
    if (known && known.keyId !== keyId) {
      if (entry.kind === 'moved') throw conflict(nodesResource, node, 'another board was enrolled under this name meanwhile');
      if (!takeOver)
        throw conflict(
          nodesResource,
          node,
          `a board is enrolled under this name (${fingerprintOf(known.keyId)}${known.serial ? `, serial ${known.serial}` : ''}); if this one shall have its place, with its pods, say --take-over`,
        );
      this.#refuseConnected(node);
    }
    await boards.put({ node, keyId, serial });
    await room.leave(entry);
    await moved.settled(node);
    const what =
      entry.kind === 'moved' ? `the machine with serial ${serial} for` : known ? 'another board in the place of' : 'the board of';
    this.#tell(node, 'BoardApproved', `User ${JSON.stringify(by)} approved ${what} node ${node} (${fingerprintOf(keyId)})`);
    return keyId;
  }

  /** Sends a board away. @throws StatusError */
  async deny(choice: WaitingChoice, by: string): Promise<string> {
    const { room, moved } = this.#options;
    const entry = room.find(choice.node, choice.fingerprint);
    await room.deny(entry, by);
    if (entry.kind === 'moved') await moved.settled(entry.node);
    this.#tell(
      entry.node,
      'BoardDenied',
      `User ${JSON.stringify(by)} denied a board the name ${entry.node} (${fingerprintOf(entry.keyId)})`,
    );
    return entry.keyId;
  }

  /**
   * One board takes the name of another, and with it the Node, its labels and its pods. It is enrolled under a name of its own, on which
   * nothing runs, or it waits. What was done before a crash is done again without harm. @throws StatusError
   */
  async replace({ old, node, fingerprint }: WaitingChoice & { readonly old: string }, by: string): Promise<string> {
    const { boards, client, room, moved } = this.#options;
    if (old === node)
      throw conflict(
        nodesResource,
        old,
        'a board cannot take its own place; a board that was flashed anew is let in with approve --take-over',
      );
    if (!boards.get(old) && !client.informer<Node>('', 'nodes').get(old)) throw notFound(nodesResource, old);
    const enrolled = fingerprint === undefined ? boards.get(node) : undefined;
    const waiting = enrolled ? undefined : room.find(node, fingerprint);
    const next = enrolled ?? waiting;
    if (!next) throw notFound(nodesResource, node);
    if (waiting?.kind === 'moved') throw conflict(nodesResource, node, 'that is a node on another machine; approve or deny it first');
    const before = boards.get(old);
    if (before?.keyId !== next.keyId) this.#refuseConnected(old);
    const bound = enrolled ? this.#podsOf(node) : [];
    if (bound.length > 0)
      throw conflict(nodesResource, node, `${bound.length} pods are bound to it: drain it first (kubectl drain ${node})`);
    await boards.put({ node: old, keyId: next.keyId, serial: next.serial }, node);
    if (waiting) await room.leave(waiting);
    if (enrolled) await this.#forget(node);
    await moved.settled(old);
    this.#tell(
      old,
      'NodeReplaced',
      `User ${JSON.stringify(by)} put the board of ${node} (${fingerprintOf(next.keyId)}) in the place of node ${old}`,
    );
    return next.keyId;
  }

  /** The board is no longer of this fleet: its key is revoked, its Node gone. @throws StatusError while pods are bound to it */
  async retire(node: string, by: string): Promise<void> {
    const { boards, client, room } = this.#options;
    const known = boards.get(node);
    if (!known && !client.informer<Node>('', 'nodes').get(node)) throw notFound(nodesResource, node);
    const bound = this.#podsOf(node);
    if (bound.length > 0)
      throw conflict(nodesResource, node, `${bound.length} pods are bound to it: drain it first (kubectl drain ${node})`);
    for (const entry of room.list()) if (entry.node === node) await room.leave(entry);
    await this.#forget(node);
    const key = known ? ` (${fingerprintOf(known.keyId)})` : '';
    this.#tell(node, 'NodeRetired', `User ${JSON.stringify(by)} retired node ${node}${key}`);
  }

  /** The key first: nothing of the rest comes back then. */
  async #forget(node: string): Promise<void> {
    const { boards, client } = this.#options;
    await boards.remove(node);
    for (const [group, resource, namespace] of objectsOfNode) {
      try {
        await client.resource(group, resource).delete(namespace, node, { gracePeriodSeconds: 0 });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  #podsOf(node: string): readonly Pod[] {
    return this.#options.client
      .informer<Pod>('', 'pods')
      .list()
      .filter(({ spec, status }) => spec?.nodeName === node && status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  }

  #refuseConnected(node: string): void {
    if (this.#options.isConnected(node))
      throw conflict(nodesResource, node, 'its board is connected: switch it off first, or its pods would run twice');
  }

  #tell(node: string, reason: string, message: string): void {
    const { client, events, logger } = this.#options;
    logger.info('enrolment was decided', { node, reason, decision: message });
    events.event(client.informer<Node>('', 'nodes').get(node) ?? aboutNode(node), 'Normal', reason, message);
  }
}

const objectsOfNode = [
  ['', 'nodes', ''],
  ['coordination.k8s.io', 'leases', 'kube-node-lease'],
] as const;
